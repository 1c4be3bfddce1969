/* SOFTMAX, int8 → int8 with scale 1/256 and zero point -128, or int16 with 1/65536 and -32768.
 *
 *   out[c] = clamp(256 * exp(d[c]) / Σ exp(d) - 128), d[c] = scale * (in[c] - max in)
 *
 * Bit for bit Softmax of TFLM (tensorflow/lite/kernels/internal/reference/softmax.h) with gemmlowp's fixed point
 * (fixedpoint.h). Qm.n is a number of m integer and n fraction bits; d is Q5.26, sums are Q12.19.
 *
 * Where a sum is 512 or more, gemmlowp would shift by 32 and more, which C does not define and TFLM ends
 * the program for. Every share is below half a step then: 0.
 */
#include "tinynn.h"
#include "tinynn/exponential.h"
#include "tinynn/fixed_point.h"

enum { SUM_INTEGER_BITS = 12 };

/* exp(d) of one element, Q0.31; 0 where it is too small to count. */
static int32_t exponential(const struct tinynn_softmax *restrict p, int32_t difference) {
  if (difference < p->least_difference) {
    return 0;
  }
  return tinynn_exp_on_negative_values(tinynn_rescale(difference, p->multiplier, p->left_shift), 5);
}

static int32_t largest(const int8_t *row, int32_t columns) {
  int32_t found = INT8_MIN;
  for (int32_t c = 0; c < columns; ++c) {
    found = row[c] > found ? row[c] : found;
  }
  return found;
}

/* Bits before the first 1. */
static int32_t leading_zeros(uint32_t x) {
  int32_t count = 0;
  while (count < 32 && (x & (UINT32_C(1) << (31 - count))) == 0) {
    ++count;
  }
  return count;
}

/* `bits`: of an output. */
static inline __attribute__((always_inline)) void softmax(const struct tinynn_softmax *restrict p,
                                                          const int8_t *input, void *output, int32_t bits) {
  const int32_t lowest = bits == 8 ? INT8_MIN : INT16_MIN, highest = bits == 8 ? INT8_MAX : INT16_MAX;
  int8_t *narrow = output;
  int16_t *wide = output;
  for (int32_t row = 0; row < p->rows; ++row) {
    const int32_t maximum = largest(input, p->columns);
    int32_t sum = 0;
    for (int32_t c = 0; c < p->columns; ++c) {
      sum += tinynn_divide(exponential(p, input[c] - maximum), SUM_INTEGER_BITS);
    }
    /* sum = (1 + a) * 2^(SUM_INTEGER_BITS - headroom), a in [0, 1) */
    const int32_t headroom = leading_zeros((uint32_t)sum);
    const uint32_t fraction = ((uint32_t)sum << headroom) - (UINT32_C(1) << 31);
    const int32_t reciprocal = tinynn_one_over_one_plus((int32_t)fraction);
    const int32_t exponent = SUM_INTEGER_BITS - headroom + 31 - bits;
    for (int32_t c = 0; c < p->columns; ++c) {
      const int32_t difference = input[c] - maximum;
      int32_t share = lowest;
      if (difference >= p->least_difference && exponent < 32) {
        share += tinynn_divide(tinynn_high(exponential(p, difference), reciprocal), exponent);
      }
      share = tinynn_clamp(share, lowest, highest);
      if (bits == 8) {
        *narrow++ = (int8_t)share;
      } else {
        *wide++ = (int16_t)share;
      }
    }
    input += p->columns;
  }
}

void tinynn_softmax_ref(const struct tinynn_softmax *restrict p, const int8_t *input, int8_t *output) {
  softmax(p, input, output, 8);
}

void tinynn_softmax_int8_int16_ref(const struct tinynn_softmax *restrict p, const int8_t *input, int16_t *output) {
  softmax(p, input, output, 16);
}
