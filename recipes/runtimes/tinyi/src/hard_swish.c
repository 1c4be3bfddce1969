/* HARD_SWISH: multipliers of 16 bits. */
#include "tinyi/operators.h"
#include "tinyi/shapes.h"

/* Bits of 1 / 128 and of 3 / 32768. */
#define FINE UINT32_C(0x3c000000)
#define RELUISH UINT32_C(0x38c00000)

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
  const struct tinyi_factor scaled = tinyi_ratio(input.scale, output.scale, FINE);
  const struct tinyi_factor reluish = tinyi_ratio(input.scale, RELUISH, FINE);
  tinyi_require(context, scaled.shift <= 0 && reluish.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
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
