/* What an operator's `run` is given and leaves: it is called once in set-up, to check and to ask for memory, and once
 * in each inference, to compute. Both times it reads the same fields of the file in the same way. */
#ifndef TINYI_CONTEXT_H
#define TINYI_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "tinyi.h"
#include "tinyi/flat.h"
#include "tinyi/multiplier.h"
#include "tinynn.h"

/* Of TFLite's enumeration TensorType. */
enum tinyi_type {
  TINYI_FLOAT32 = 0,
  TINYI_INT32 = 2,
  TINYI_UINT8 = 3,
  TINYI_INT64 = 4,
  TINYI_BOOL = 6,
  TINYI_INT16 = 7,
  TINYI_INT8 = 9,
  TINYI_UINT64 = 12,
  TINYI_UINT32 = 15,
  TINYI_INT4 = 17, /* of weights, two in a byte */
};

/* Fields of the schema's Operator. */
enum { TINYI_OPERATOR_INPUTS = 1, TINYI_OPERATOR_OUTPUTS = 2 };

/* Axes of what RESHAPE and TRANSPOSE take; all others take TINYNN_RANK. */
enum { TINYI_MAX_RANK = 6 };

/* Largest size of one dimension, and largest stride or dilation: their products fit 32 bits. */
enum { TINYI_MAX_SIZE = 1 << 16, TINYI_MAX_STRIDE = 1 << 10 };

/* Products and comparisons that the convolutions and pools of one inference may take, and the unit that they are
 * counted in: a file of 1 KB can ask for hours. The largest layers of networks for such processors take 2^27.
 * FULLY_CONNECTED is bounded layer by layer: the file has its weights. */
enum { TINYI_WORK_UNIT = 1 << 8, TINYI_MAX_WORK = (UINT32_C(1) << 31) / TINYI_WORK_UNIT };

/* While set-up runs: the operators between which a tensor's memory is in use. In the order in which tensors are
 * written. */
struct tinyi_lifetime {
  uint32_t size;        /* bytes, units once they are sorted; 0: it shares the memory of another one */
  uint16_t first, last; /* operators */
  uint16_t place, end;  /* units; before it is placed `end` is the least that its place may be */
  union {
    uint16_t next; /* scratch is placed: the next one in the arena, of those that are alive in one operator */
    uint16_t step; /* before that: see `over` */
  };
  uint16_t order; /* a list by itself, in element i: the number of the i-th to be placed */
  /* The number of one that dies where this is born, and over which it may lie: it begins `lead` units before that, at
   * least, or with a step any number of whole steps away. TINYI_NONE: there is none. */
  uint16_t over;
  int16_t lead;
};

/* While set-up runs `places` of struct tinyi has numbers of lifetimes, or: the tensor is not yet written; it wasn't
 * when it was read, so it must be a constant. Places are below these. */
enum { TINYI_UNWRITTEN = 0xffff, TINYI_CONSTANT = 0xfffe };

/* The place of a lifetime that has none yet, and the end of a list: no place and no number is as large. */
enum { TINYI_UNPLACED = 0xffff, TINYI_NONE = 0xffff };

struct tinyi_context {
  struct tinyi_file file;
  const struct tinyi *model;
  const void *kernel;
  uint32_t node; /* its number */
  struct tinyi_table options;
  struct tinyi_vector inputs, outputs; /* numbers of tensors */
  struct tinyi_lifetime *lifetimes;            /* NULL in an inference */
  union {
    struct { /* set-up: the number of lifetimes, how many there is room for, and TINYI_WORK_UNITs of work so far */
      uint32_t written, room, work;
    };
    struct { /* inference: what the operator got */
      uint8_t *scratch;
      uint32_t scratch_bytes;
    };
  };
  const struct tinyi_operator *entry; /* the operator's entry in the table of those that are linked */
  int32_t version;                    /* of the operator in the file */
  uint16_t code;                      /* its place among the file's operator codes */
  uint8_t choice;                     /* kept from set-up for the inferences */
  uint8_t in_place; /* set-up: what the operator asks for; bit i: the output may lie over input i, see `walk` */
  /* the same */
  uint32_t scratch_least, scratch_most; /* bytes; it works with any size between them */
  uint32_t scratch_step; /* bytes; not 0: the work is cut into equal parts, with each step above the least into fewer */
  uint32_t walk; /* bytes; the output begins any number of them from the input, none with TINYI_IN_PLACE; or 0: */
  int32_t lead;  /* bytes that it begins before the input, at least, if it has scratch_most */
};

/* No distance within an arena. */
enum { TINYI_IN_PLACE = 1 << 29 };

struct tinyi_tensor {
  int8_t *data; /* in an inference, or of a constant; never written if it is one */
  uint8_t is_constant;
  uint8_t rank;
  uint8_t type;
  uint8_t element_bytes;
  int16_t zero_point; /* 0 where there is none, as of float32 */
  int32_t shape[TINYNN_RANK]; /* ones in front */
  int32_t elements;
  uint32_t scale; /* bits of the float32; the first channel's where there are several; 0: none */
  const uint32_t *scales;
  int32_t scale_count;
};

/* What `code` is before the first operator. */
#define TINYI_NO_CODE UINT16_MAX

/* Find operator `context->node`, check it and ask for memory, or compute it. `file`, `model`, `lifetimes` and `code`
 * must be set, `written` and `room` too in set-up. */
void tinyi_run_node(struct tinyi_context *context);

/* An inference: all operators in order, up to the first error. */
static inline void tinyi_run_nodes(struct tinyi_context *context) {
  for (uint32_t node = 0; node < context->model->nodes.count && context->file.status == TINYI_OK; ++node) {
    context->node = node;
    tinyi_run_node(context);
  }
}

/* The number of an input or output; -1 where an input is absent. */
int32_t tinyi_index(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position);

/* The type of an input, of the enumeration TensorType. */
uint32_t tinyi_type(struct tinyi_context *context, uint32_t position);

/* A float32 activation or constant. */
void tinyi_read_floats(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                       struct tinyi_tensor *tensor);

/* An activation or constant of any type, with one scale or none. */
void tinyi_read_any(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                    struct tinyi_tensor *tensor);

/* The first of a vector, of any type and up to TINYI_MAX_RANK axes, which `shape` has as the file says them; the
 * tensor's own is not set. */
void tinyi_read_long(struct tinyi_context *context, const struct tinyi_vector *vector, struct tinyi_tensor *tensor,
                     struct tinyi_vector *shape);

/* No more than the shape, which notes nothing. */
void tinyi_read_shape(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                      struct tinyi_tensor *tensor);

/* An activation or constant of one type, with one scale > 0 and any zero point of that type. */
void tinyi_read_quantised(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                          uint32_t type, struct tinyi_tensor *tensor);

/* An int8 activation with one scale > 0, or a constant of that kind. */
void tinyi_read_activation(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                           struct tinyi_tensor *tensor);

/* An activation of int8 or, with the zero point 0, of int16: `type` says which, and is known when this is compiled. */
static inline __attribute__((always_inline)) void tinyi_read_form(struct tinyi_context *context,
                                                                  const struct tinyi_vector *vector, uint32_t position,
                                                                  uint32_t type, struct tinyi_tensor *tensor);

/* An int8 constant with one scale for each of the channels, or one for all; zero points are 0. */
void tinyi_read_weights(struct tinyi_context *context, uint32_t position, struct tinyi_tensor *tensor);

/* The same of int4. */
void tinyi_read_int4_weights(struct tinyi_context *context, uint32_t position, struct tinyi_tensor *tensor);

/* An int8 constant with one scale and one zero point. */
void tinyi_read_asymmetric_weights(struct tinyi_context *context, uint32_t position, struct tinyi_tensor *tensor);

/* An int32 constant of `count` elements; NULL where the input is absent. */
const int32_t *tinyi_read_integers(struct tinyi_context *context, uint32_t position, int32_t count);

/* A constant of `count` elements, int64 or int32, which `type` tells; NULL where the input is absent. */
const int32_t *tinyi_read_bias(struct tinyi_context *context, uint32_t position, int32_t count, uint32_t *type);

/* An int32 constant that must be there, of any size; NULL where it isn't. */
const int32_t *tinyi_read_list(struct tinyi_context *context, uint32_t position, int32_t *count);

/* Clamp of a fused activation, by its number in TFLite's enumeration. */
void tinyi_clamp(struct tinyi_context *context, int32_t activation, const struct tinyi_tensor *output, int32_t *lowest,
                 int32_t *highest);

/* The same of int16. */
void tinyi_clamp_int16(struct tinyi_context *context, int32_t activation, const struct tinyi_tensor *output,
                       int32_t *lowest, int32_t *highest);

/* Of either. */
static inline void tinyi_clamp_form(struct tinyi_context *context, uint32_t type, int32_t activation,
                                    const struct tinyi_tensor *output, int32_t *lowest, int32_t *highest) {
  (type == TINYI_INT8 ? tinyi_clamp : tinyi_clamp_int16)(context, activation, output, lowest, highest);
}

/* Set-up: tensor `index` is written, or read, by the current operator. */
void tinyi_note_written(struct tinyi_context *context, uint32_t index, uint32_t bytes);
void tinyi_note_read(struct tinyi_context *context, uint32_t index);

/* Set-up, for operators that leave other checks to the inference. An input is read: its bytes, or 0 for what no
 * operator has written, which must be a constant then. An output is written: its shape is checked, and its type, which
 * must be one of `types`, a set of bits. */
uint32_t tinyi_plan_input(struct tinyi_context *context, uint32_t position);
void tinyi_plan_output(struct tinyi_context *context, uint32_t position, uint32_t types);

/* The bytes of an output, checked likewise. */
uint32_t tinyi_output_bytes(struct tinyi_context *context, uint32_t position, uint32_t types);

/* Set-up: each element of an output takes so many products or comparisons. Refuses more than an inference may take. */
void tinyi_note_work(struct tinyi_context *context, int32_t elements, int32_t each);

/* Fail where a condition is not met. */
static inline void tinyi_require(struct tinyi_context *context, int32_t is_met, int32_t status) {
  if (!is_met) {
    tinyi_fail(&context->file, status);
  }
}

static inline void tinyi_read_form(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                                   uint32_t type, struct tinyi_tensor *tensor) {
  if (type == TINYI_INT8) {
    tinyi_read_activation(context, vector, position, tensor);
  } else {
    tinyi_read_quantised(context, vector, position, type, tensor);
    tinyi_require(context, tensor->zero_point == 0, TINYI_UNSUPPORTED);
  }
}

static inline int16_t *tinyi_int16(const struct tinyi_tensor *tensor) { return (int16_t *)(void *)tensor->data; }

/* The end of the arena: place and size, in units, of each operator's scratch; the places of all tensors; the kernel
 * that each operator chose, where it has several. */
static inline uint16_t *tinyi_scratch_of(const struct tinyi *model, uint32_t node) {
  return model->places - 2 * (model->nodes.count - node);
}

static inline uint8_t *tinyi_choice_of(const struct tinyi *model, uint32_t node) {
  return (uint8_t *)(model->places + model->tensors.count) + node;
}

static inline int32_t tinyi_has_same_quantisation(const struct tinyi_tensor *a, const struct tinyi_tensor *b) {
  return a->scale == b->scale && a->zero_point == b->zero_point;
}

#endif
