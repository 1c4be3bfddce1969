/* HARD_SWISH, int8: x * relu6(x + 3) / 6 in 16-bit fixed point.
 *
 *   wide = (in[i] - zero_point) * 128
 *   gate = (saturate(wide * reluish multiplier) + 2^15) / 2            relu6(x + 3) / 6 in Q0.15
 *   out[i] = clamp(zero_point + divide(gate * high16(wide, output multiplier)))
 *
 * Bit for bit HardSwish of TFLM (tensorflow/lite/kernels/internal/reference/hard_swish.h) with gemmlowp's 16-bit
 * arithmetic. The reluish scale is 3/32768.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

static int32_t saturate16(int32_t x) { return tinynn_clamp(x, INT16_MIN, INT16_MAX); }

/* round(x * y / 2^15), halves up. */
static int32_t high16(int32_t x, int32_t y) { return saturate16((x * y + (1 << 14)) >> 15); }

/* tinynn_divide as gemmlowp does it in 16 bits, where the mask of 16 places and more has all its bits set. */
static int32_t divide16(int32_t x, int32_t exponent) {
  const int32_t mask = exponent < 16 ? (1 << exponent) - 1 : -1;
  const int32_t threshold = (mask >> 1) + (x < 0);
  return (x >> exponent) + ((x & mask) > threshold);
}

/* x * 2^exponent, saturated; 15 places do that to any number but 0. */
static int32_t shift_left16(int32_t x, int32_t exponent) {
  return saturate16(x * (1 << (exponent < 15 ? exponent : 15)));
}

/* relu6(x + 3) / 6 as Q0.15. */
static int32_t gate(const struct tinynn_hard_swish *restrict p, int32_t wide) {
  int32_t value = wide;
  if (p->reluish_shift > 0) {
    value = shift_left16(value, p->reluish_shift - 1);
  }
  value = high16(value, p->reluish_multiplier);
  if (p->reluish_shift > 0) {
    value = shift_left16(value, 1);
  } else {
    value = divide16(value, -p->reluish_shift);
  }
  return (value + (1 << 15)) >> 1;
}

void tinynn_hard_swish_ref(const struct tinynn_hard_swish *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t wide = (input[i] - p->input_zero_point) * 128;
    const int32_t scaled = high16(wide, p->output_multiplier);
    const int32_t product = saturate16(gate(p, wide) * scaled / (1 << 15)); /* towards 0, as gemmlowp does here */
    const int32_t result = divide16(product, -p->output_shift);
    output[i] = (int8_t)tinynn_clamp(p->output_zero_point + result, INT8_MIN, INT8_MAX);
  }
}
