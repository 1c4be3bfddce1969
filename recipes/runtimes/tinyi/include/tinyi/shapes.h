/* Axes of tensors, for the operators that move bytes. */
#ifndef TINYI_SHAPES_H
#define TINYI_SHAPES_H

#include "tinyi/context.h"

/* Where axis `axis` of a file is in a tensor's shape, which has ones in front; negative ones count from the end.
 * Refuses what is not an axis, and returns one that is. */
int32_t tinyi_axis(struct tinyi_context *context, const struct tinyi_tensor *tensor, int32_t axis);

/* Elements behind one index of an axis. */
int32_t tinyi_axis_stride(const struct tinyi_tensor *tensor, int32_t axis);

/* Whether the shapes are equal except for one axis. */
int32_t tinyi_has_same_shape(const struct tinyi_tensor *a, const struct tinyi_tensor *b, int32_t but);

/* Whether types and quantisations are equal. */
static inline int32_t tinyi_is_alike(const struct tinyi_tensor *a, const struct tinyi_tensor *b) {
  return a->type == b->type && tinyi_has_same_quantisation(a, b);
}

/* Read input 0 and output 0 of any type, which must be alike; 0 after a refusal. */
int32_t tinyi_read_unary_alike(struct tinyi_context *context, struct tinyi_tensor *input, struct tinyi_tensor *output);

/* The output has the input's bytes, under another shape: its memory, or a constant's copy. */
void tinyi_share(struct tinyi_context *context, const struct tinyi_tensor *input, const struct tinyi_tensor *output);

/* Read input 0 and output 0. */
static inline void tinyi_read_unary(struct tinyi_context *context, struct tinyi_tensor *input,
                                    struct tinyi_tensor *output) {
  tinyi_read_activation(context, &context->inputs, 0, input);
  tinyi_read_activation(context, &context->outputs, 0, output);
}

static inline void tinyi_read_unary_int16(struct tinyi_context *context, struct tinyi_tensor *input,
                                          struct tinyi_tensor *output) {
  tinyi_read_form(context, &context->inputs, 0, TINYI_INT16, input);
  tinyi_read_form(context, &context->outputs, 0, TINYI_INT16, output);
}

/* Read both inputs and the output. */
static inline void tinyi_read_binary(struct tinyi_context *context, struct tinyi_tensor *left,
                                     struct tinyi_tensor *right, struct tinyi_tensor *output) {
  tinyi_read_activation(context, &context->inputs, 0, left);
  tinyi_read_activation(context, &context->inputs, 1, right);
  tinyi_read_activation(context, &context->outputs, 0, output);
}

/* Elements from one index of each axis to the next, 0 where an input is repeated to have the output's shape; refuses
 * what can't be. */
void tinyi_broadcast_strides(struct tinyi_context *context, const struct tinyi_tensor *input,
                             const struct tinyi_tensor *output, int32_t *strides);

/* How two inputs are broadcast to the output, neighbouring axes merged where that is equivalent; refuses shapes that
 * can't be. */
void tinyi_broadcast(struct tinyi_context *context, const struct tinyi_tensor *left, const struct tinyi_tensor *right,
                     const struct tinyi_tensor *output, struct tinynn_broadcast *broadcast);

/* Both inputs and the output of int16: whether all shapes are equal, else how they are broadcast. */
int32_t tinyi_read_binary_int16(struct tinyi_context *context, struct tinyi_tensor *left, struct tinyi_tensor *right,
                                struct tinyi_tensor *output, struct tinynn_broadcast *broadcast);

/* Whether neither input is repeated along the innermost axis. */
static inline int32_t tinyi_has_dense_rows(const struct tinynn_broadcast *broadcast) {
  return broadcast->left_strides[TINYNN_RANK - 1] == 1 && broadcast->right_strides[TINYNN_RANK - 1] == 1;
}

#endif
