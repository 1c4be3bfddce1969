/* LEAKY_RELU: the factors are quotients in float32, as leaky_relu_common.cc of TFLM makes them. */
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/shapes.h"

/* Field of the schema's LeakyReluOptions. */
enum { ALPHA = 0 };

void tinyi_leaky_relu(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_unary(context, &input, &output);
  const uint32_t alpha = (uint32_t)tinyi_int(&context->file, &context->options, ALPHA, 0);
  tinyi_require(context, input.elements == output.elements && tinyi_is_scale(alpha), TINYI_UNSUPPORTED);
  context->in_place = 1;
  if (context->file.status != TINYI_OK) {
    return;
  }
  const float scale = tinyi_real(input.scale), made = tinyi_real(output.scale);
  const struct tinyi_factor identity = tinyi_factor_of_real(context, scale / made);
  const struct tinyi_factor below = tinyi_factor_of_real(context, scale * tinyi_real(alpha) / made);
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return;
  }
  const struct tinynn_leaky_relu p = {.elements = output.elements,
                                      .input_zero_point = input.zero_point,
                                      .output_zero_point = output.zero_point,
                                      .identity_multiplier = identity.multiplier,
                                      .identity_shift = identity.shift,
                                      .alpha_multiplier = below.multiplier,
                                      .alpha_shift = below.shift};
  tinynn_leaky_relu_ref(&p, input.data, output.data);
}
