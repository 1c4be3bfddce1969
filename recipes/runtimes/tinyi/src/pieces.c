/* CONCATENATION, PACK, SPLIT, SPLIT_V and UNPACK: rows of elements are copied piece by piece. */
#include "tinyi/move.h"
#include "tinyi/operators.h"

/* Fields of the schema's ConcatenationOptions. */
enum { AXIS = 0, ACTIVATION = 1 };
/* Of PackOptions and UnpackOptions. */
enum { PACK_AXIS = 1, UNPACK_AXIS = 1 };
/* Inputs of SPLIT and SPLIT_V. */
enum { SPLIT_AXIS = 0, SPLIT_INPUT = 1, SPLIT_V_INPUT = 0, SPLIT_V_AXIS = 2 };

/* The whole tensor, and how far along its axis pieces have come. */
struct whole {
  struct tinyi_tensor tensor;
  int32_t axis, start;
};

/* A piece without the whole's axis as one that has a single element there. */
static void insert_axis(struct tinyi_context *context, struct tinyi_tensor *piece, int32_t axis) {
  tinyi_require(context, piece->rank < TINYNN_RANK, TINYI_UNSUPPORTED);
  for (int32_t i = 0; i < axis; ++i) {
    piece->shape[i] = piece->shape[i + 1];
  }
  piece->shape[axis] = 1;
  ++piece->rank;
}

/* The next piece, from the whole or into it. */
static void copy(struct tinyi_context *context, struct whole *whole, const struct tinyi_vector *pieces, uint32_t number,
                 int32_t has_axis) {
  const struct tinyi_tensor *tensor = &whole->tensor;
  struct tinyi_tensor piece;
  tinyi_read_any(context, pieces, number, &piece);
  if (context->file.status != TINYI_OK) {
    return;
  }
  if (!has_axis) {
    insert_axis(context, &piece, whole->axis);
  }
  const int32_t is_output = pieces == &context->outputs, size = piece.shape[whole->axis];
  tinyi_require(context,
                tinyi_is_alike(&piece, tensor) && tinyi_has_same_shape(&piece, tensor, whole->axis) &&
                    size <= tensor->shape[whole->axis] - whole->start,
                TINYI_UNSUPPORTED);
  const int32_t inner = tinyi_axis_stride(tensor, whole->axis), pitch = inner * tensor->shape[whole->axis];
  struct tinyi_move move = {.from = is_output ? whole->start * inner : 0, .to = is_output ? 0 : whole->start * inner};
  tinyi_move_axis(context, &move, tensor->elements / pitch, is_output ? pitch : size * inner,
                  is_output ? size * inner : pitch);
  tinyi_move_axis(context, &move, size * inner, 1, 1);
  tinyi_move(context, &move, is_output ? tensor : &piece, is_output ? &piece : tensor);
  whole->start += size;
}

static void copy_all(struct tinyi_context *context, struct whole *whole, const struct tinyi_vector *pieces,
                     int32_t axis, int32_t has_axis) {
  whole->start = 0;
  whole->axis = tinyi_axis(context, &whole->tensor, axis);
  for (uint32_t i = 0; i < pieces->count && context->file.status == TINYI_OK; ++i) {
    copy(context, whole, pieces, i, has_axis);
  }
  /* all of it must have been met */
  tinyi_require(context, whole->start == whole->tensor.shape[whole->axis], TINYI_UNSUPPORTED);
}

/* Put all inputs together along an axis that they have, or don't have. */
static void join(struct tinyi_context *context, uint32_t axis_option, int32_t has_axis) {
  struct whole whole;
  /* read before the output is written */
  for (uint32_t i = 0; context->lifetimes != NULL && i < context->inputs.count; ++i) {
    tinyi_plan_input(context, i);
  }
  tinyi_read_any(context, &context->outputs, 0, &whole.tensor);
  if (context->file.status == TINYI_OK) {
    copy_all(context, &whole, &context->inputs, tinyi_int(&context->file, &context->options, axis_option, 0), has_axis);
  }
}

void tinyi_concatenation(struct tinyi_context *context) {
  tinyi_require(context, tinyi_byte(&context->file, &context->options, ACTIVATION) == 0, TINYI_UNSUPPORTED);
  join(context, AXIS, 1);
}

void tinyi_pack(struct tinyi_context *context) { join(context, PACK_AXIS, 0); }

/* Cut an input into all outputs, which have the axis or don't have it. */
static void cut(struct tinyi_context *context, uint32_t input, int32_t axis, int32_t has_axis) {
  struct whole whole;
  tinyi_read_any(context, &context->inputs, input, &whole.tensor);
  if (context->file.status == TINYI_OK) {
    copy_all(context, &whole, &context->outputs, axis, has_axis);
  }
}

/* The axis is one of the inputs. */
static void split(struct tinyi_context *context, uint32_t axis_input, uint32_t input) {
  int32_t count = 0;
  const int32_t *axis = tinyi_read_list(context, axis_input, &count);
  tinyi_require(context, count == 1, TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK) {
    cut(context, input, *axis, 1);
  }
}

void tinyi_split(struct tinyi_context *context) { split(context, SPLIT_AXIS, SPLIT_INPUT); }

/* The sizes, its second input, are those of the outputs. */
void tinyi_split_v(struct tinyi_context *context) { split(context, SPLIT_V_AXIS, SPLIT_V_INPUT); }

void tinyi_unpack(struct tinyi_context *context) {
  cut(context, 0, tinyi_int(&context->file, &context->options, UNPACK_AXIS, 0), 0);
}
