/* HARD_SWISH: float32 scales and multipliers of 16 bits, as hard_swish_common.cc of TFLM makes them. */
#include "tinyi/operators.h"

enum { ONE = 0x3f800000 };

union real {
  uint32_t bits;
  float value;
};

static struct tinyi_factor factor_of(struct tinyi_visit *visit, float numerator, float denominator) {
  const union real quotient = {.value = numerator / denominator};
  const struct tinyi_factor none = {0, 0};
  tinyi_require(visit, tinyi_is_scale(quotient.bits), TINYI_UNSUPPORTED);
  return tinyi_is_scale(quotient.bits) ? tinyi_ratio(ONE, ONE, quotient.bits) : none;
}

/* DownScaleInt32ToInt16Multiplier of TFLite's common.h. */
static int32_t of_16_bits(int32_t multiplier) {
  return multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX : (multiplier + (1 << 15)) >> 16;
}

void tinyi_hard_swish(struct tinyi_visit *visit) {
  struct tinyi_tensor input, output;
  tinyi_activation(visit, &visit->inputs, 0, &input);
  tinyi_activation(visit, &visit->outputs, 0, &output);
  tinyi_require(visit, input.elements == output.elements, TINYI_DAMAGED);
  visit->in_place = 1;
  if (visit->file.status != TINYI_OK) {
    return;
  }
  const union real scale = {input.scale}, made = {output.scale};
  const float fine = 1.0f / 128.0f * scale.value;
  const struct tinyi_factor scaled = factor_of(visit, fine, made.value);
  const struct tinyi_factor reluish = factor_of(visit, fine, 3.0f / 32768.0f);
  tinyi_require(visit, scaled.shift <= 0 && reluish.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  if (visit->file.status != TINYI_OK || visit->lives != NULL) {
    return;
  }
  const struct tinynn_hard_swish p = {.elements = output.elements,
                                      .input_zero_point = input.zero_point,
                                      .output_zero_point = output.zero_point,
                                      .output_multiplier = of_16_bits(scaled.multiplier),
                                      .output_shift = scaled.shift,
                                      .reluish_multiplier = of_16_bits(reluish.multiplier),
                                      .reluish_shift = reluish.shift};
  tinynn_hard_swish_ref(&p, input.data, output.data);
}
