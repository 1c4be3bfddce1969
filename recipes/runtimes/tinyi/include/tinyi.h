/* tinyi: walks a `.tflite` file where it lies, in flash, and calls the kernels of tinynn.
 *
 * Nothing in the file is trusted: every offset, index and size is checked before it is used, in tinyi_setup and again
 * in each tinyi_invoke. Set-up keeps in RAM only the place of each tensor and of each operator's scratch; everything
 * else is read from the file again, per-channel multipliers included (see tinyi/multiplier.h).
 *
 * tinyi_setup refuses unknown operators and versions, and tensors of unknown types and shapes. What neither the plan
 * nor the choice of kernels depends on may be refused by the first tinyi_invoke instead, with the same statuses: the
 * weights, the bias, the options and all quantisation of FULLY_CONNECTED.
 *
 * The work of an inference is bounded: a file that asks for more than TINYI_MAX_WORK (tinyi/context.h) is refused, and
 * an inference whose loops do ends with TINYI_UNSUPPORTED.
 */
#ifndef TINYI_H
#define TINYI_H

#include <stdint.h>

#include "tinyi/flat.h"

/* What all functions return. */
enum tinyi_status {
  TINYI_OK = 0,
  TINYI_DAMAGED = 1,         /* an offset points outside the file, or parts of it contradict each other */
  TINYI_UNKNOWN_OPERATOR = 2, /* none of the operators that were linked */
  TINYI_UNSUPPORTED = 3,     /* a type, shape, option or quantisation that the operator's kernels don't have */
  TINYI_ARENA_TOO_SMALL = 4, /* `needed_bytes` says how much is enough */
};

struct tinyi;
struct tinyi_context;

/* An operator that the model may use. */
struct tinyi_operator {
  int16_t code; /* of the enumeration BuiltinOperator in TFLite's schema */
  /* What its main input must be, of the enumeration TensorType, and which one that is; -1: there is no other entry of
   * this code, and `run` checks the type itself. */
  int8_t type;
  uint8_t main_input;
  int16_t newest; /* version that the kernels compute */
  uint16_t most_outputs;
  void (*run)(struct tinyi_context *context);
  const void *kernel; /* what `run` calls, where there are several */
  /* What set-up calls instead of `run`, without options, where the rest is left to the inference; or NULL. */
  void (*plan)(struct tinyi_context *context);
};

/* A model's constants, for flash. */
struct tinyi_config {
  const uint8_t *data; /* the file, aligned to 16 bytes */
  uint32_t size;
  const struct tinyi_operator *operators;
  int32_t operator_count;
  uint8_t *arena; /* aligned to 16 bytes */
  uint32_t arena_bytes;
  uint32_t unit; /* places are multiples of it: a power of two, 4 at least */
  uint32_t is_apart; /* outputs lie over inputs only where they take their place */
};

struct tinyi {
  const struct tinyi_config *config;
  /* written by tinyi_setup */
  uint32_t needed_bytes; /* of the arena */
  struct tinyi_vector tensors, nodes, codes, buffers;
  uint16_t *places; /* of all tensors, in units; at the end of the arena, between the operators' scratch and choices */
};

/* Read the file, plan the memory. `config` must be set. */
int tinyi_setup(struct tinyi *model);

/* The same for a file with subgraphs or state, which tinyi_reset must set before the first inference, and may again. */
int tinyi_setup_with_state(struct tinyi *model);
int tinyi_reset(const struct tinyi *model);

/* The same for a file with IF or WHILE, whatever else it has, and with an inference of its own. */
int tinyi_setup_with_calls(struct tinyi *model);
int tinyi_invoke_with_calls(const struct tinyi *model);

/* The same for a file with custom operators that keep something, but without IF and WHILE. */
int tinyi_setup_with_custom(struct tinyi *model);
int tinyi_reset_with_custom(const struct tinyi *model);

/* One inference, after a set-up that returned 0. Inputs are overwritten where their memory is needed. TINYI_DAMAGED or
 * TINYI_UNSUPPORTED: what set-up left to it; nothing outside of the file was read, nothing outside of the arena
 * written. */
int tinyi_invoke(const struct tinyi *model);

#endif
