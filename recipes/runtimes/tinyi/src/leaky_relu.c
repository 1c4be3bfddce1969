/* LEAKY_RELU: the factors are quotients in float32, as leaky_relu_common.cc of TFLM makes them. */
#include "tinyi/operators.h"

/* Field of the schema's LeakyReluOptions. */
enum { ALPHA = 0 };
enum { ONE = 0x3f800000 };

union real {
  uint32_t bits;
  float value;
};

/* numerator / denominator as a float32 number. */
static struct tinyi_factor factor_of(struct tinyi_visit *visit, float numerator, uint32_t denominator) {
  const union real below = {denominator};
  union real quotient = {0};
  quotient.value = numerator / below.value;
  tinyi_require(visit, tinyi_is_scale(quotient.bits), TINYI_UNSUPPORTED);
  const struct tinyi_factor none = {0, 0};
  const struct tinyi_factor factor = tinyi_is_scale(quotient.bits) ? tinyi_ratio(ONE, ONE, quotient.bits) : none;
  tinyi_require(visit, factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  return factor;
}

void tinyi_leaky_relu(struct tinyi_visit *visit) {
  struct tinyi_tensor input, output;
  tinyi_activation(visit, &visit->inputs, 0, &input);
  tinyi_activation(visit, &visit->outputs, 0, &output);
  const union real alpha = {(uint32_t)tinyi_int(&visit->file, &visit->options, ALPHA, 0)};
  tinyi_require(visit, input.elements == output.elements && tinyi_is_scale(alpha.bits), TINYI_UNSUPPORTED);
  visit->in_place = 1;
  if (visit->file.status != TINYI_OK) {
    return;
  }
  const union real scale = {input.scale};
  const struct tinyi_factor identity = factor_of(visit, scale.value, output.scale);
  const struct tinyi_factor below = factor_of(visit, scale.value * alpha.value, output.scale);
  if (visit->file.status != TINYI_OK || visit->lives != NULL) {
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
