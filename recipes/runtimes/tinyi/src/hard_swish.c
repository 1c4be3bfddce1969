/* HARD_SWISH: float32 scales and multipliers of 16 bits, as hard_swish_common.cc of TFLM makes them. */
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/shapes.h"

/* DownScaleInt32ToInt16Multiplier of TFLite's common.h. */
static int32_t of_16_bits(int32_t multiplier) {
  return multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX : (multiplier + (1 << 15)) >> 16;
}

void tinyi_hard_swish(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_unary(context, &input, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  context->in_place = 1;
  if (context->file.status != TINYI_OK) {
    return;
  }
  const float fine = 1.0f / 128.0f * tinyi_real(input.scale);
  const struct tinyi_factor scaled = tinyi_factor_of_real(context, fine / tinyi_real(output.scale));
  const struct tinyi_factor reluish = tinyi_factor_of_real(context, fine / (3.0f / 32768.0f));
  tinyi_require(context, scaled.shift <= 0, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
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
