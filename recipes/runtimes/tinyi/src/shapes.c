/* Axes: see tinyi/shapes.h. */
#include "tinyi/shapes.h"

int32_t tinyi_axis(struct tinyi_context *context, const struct tinyi_tensor *tensor, int32_t axis) {
  if (axis < -tensor->rank || axis >= tensor->rank) {
    tinyi_fail(&context->file, TINYI_UNSUPPORTED);
    return TINYNN_RANK - 1;
  }
  return axis < 0 ? TINYNN_RANK + axis : TINYNN_RANK - tensor->rank + axis;
}

int32_t tinyi_axis_stride(const struct tinyi_tensor *tensor, int32_t axis) {
  int32_t elements = 1;
  for (int32_t i = axis + 1; i < TINYNN_RANK; ++i) {
    elements *= tensor->shape[i];
  }
  return elements;
}

int32_t tinyi_has_same_shape(const struct tinyi_tensor *a, const struct tinyi_tensor *b, int32_t but) {
  int32_t is_alike = a->rank == b->rank;
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    is_alike &= i == but || a->shape[i] == b->shape[i];
  }
  return is_alike;
}

int32_t tinyi_read_unary_alike(struct tinyi_context *context, struct tinyi_tensor *input, struct tinyi_tensor *output) {
  tinyi_read_any(context, &context->inputs, 0, input);
  tinyi_read_any(context, &context->outputs, 0, output);
  tinyi_require(context, tinyi_is_alike(input, output), TINYI_UNSUPPORTED);
  return context->file.status == TINYI_OK;
}
