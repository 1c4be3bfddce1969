/* QUANTIZE from float32 or from int8 of another scale, DEQUANTIZE to float32. */
#include "tinyi/operators.h"
#include "tinyi/real.h"

/* The int8 side of both. */
static struct tinynn_affine affine(const struct tinyi_tensor *tensor) {
  const struct tinynn_affine p = {
      .elements = tensor->elements, .scale = tinyi_real(tensor->scale), .zero_point = tensor->zero_point};
  return p;
}

void tinyi_quantise(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  if (tinyi_type(context, 0) != TINYI_FLOAT32) {
    tinyi_requantise(context);
    return;
  }
  tinyi_read_floats(context, &context->inputs, 0, &input);
  tinyi_read_activation(context, &context->outputs, 0, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    const struct tinynn_affine p = affine(&output);
    tinynn_quantise_ref(&p, (const float *)(const void *)input.data, output.data);
  }
}

void tinyi_dequantise(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_activation(context, &context->inputs, 0, &input);
  tinyi_read_floats(context, &context->outputs, 0, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    const struct tinynn_affine p = affine(&input);
    tinynn_dequantise_ref(&p, input.data, (float *)(void *)output.data);
  }
}
