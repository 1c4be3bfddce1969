/* Elements that go from regular places to regular places, axis by axis: the parameters of tinynn_move. */
#ifndef TINYI_MOVE_H
#define TINYI_MOVE_H

#include "tinyi/shapes.h"

/* Where a walk begins, and its axes, the innermost one last; neighbours that allow it are one. All in elements. */
struct tinyi_move {
  int32_t from, to, axes;
  int32_t shape[TINYNN_AXES], input_strides[TINYNN_AXES], output_strides[TINYNN_AXES];
};

/* One more axis, inside of those before. */
void tinyi_move_axis(struct tinyi_context *context, struct tinyi_move *move, int32_t size, int32_t input_stride,
                     int32_t output_stride);

/* In an inference, unless something failed: move elements of the tensors' type. `move` is not changed. */
void tinyi_move(struct tinyi_context *context, const struct tinyi_move *move, const struct tinyi_tensor *input,
                const struct tinyi_tensor *output);

/* In an inference, unless something failed: set all bytes of a tensor. */
void tinyi_fill(const struct tinyi_context *context, const struct tinyi_tensor *output, int32_t value);

static inline int32_t tinyi_computes(const struct tinyi_context *context) {
  return context->file.status == TINYI_OK && context->lifetimes == NULL;
}

#endif
