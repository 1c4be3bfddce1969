/* SOFTMAX, LOGISTIC and TANH, int16, by tables between whose entries they interpolate.
 *
 * Bit for bit SoftmaxInt16, Logistic and Tanh of TFLM (tensorflow/lite/kernels/internal/reference/softmax.h,
 * integer_ops/logistic.h, integer_ops/tanh.h), and LUTLookup of kernels/internal/common.h.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/sigmoid_int16.h"
#include "tinynn/tables.h"

enum { UNIT = 1 << 15 };

/* An entry of 513 for each 128 values from -32768 on. */
static int32_t look_up(const int16_t *table, int32_t value) {
  const int16_t *entry = table + 256 + (value >> 7);
  return entry[0] + (((entry[1] - entry[0]) * (value & 0x7f) + 64) >> 7);
}

/* 1 / sum, Q0.15; the sum is (1 + x) * 2^(31 - places). */
static int32_t reciprocal(int32_t sum, int32_t *places) {
  int64_t shifted = sum;
  *places = 0;
  while (shifted < INT64_C(1) << 30) {
    shifted <<= 1;
    ++*places;
  }
  const int32_t x = (int32_t)((shifted + (1 << 13)) >> 14) - UNIT - 2 * UNIT;
  return look_up(tinynn_reciprocals, tinynn_clamp(x, INT16_MIN, INT16_MAX));
}

/* The exponentials are kept in the output: Q0.15, their sum Q16.15. */
void tinynn_softmax_int16_ref(const struct tinynn_softmax *restrict p, const int16_t *input, int16_t *output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    int32_t largest = INT16_MIN, sum = 0, places;
    for (int32_t c = 0; c < p->columns; ++c) {
      largest = input[c] > largest ? input[c] : largest;
    }
    for (int32_t c = 0; c < p->columns; ++c) {
      const int32_t scaled = tinynn_rescale(input[c] - largest, p->multiplier, p->left_shift);
      const int32_t centred = tinynn_clamp(tinynn_from_zero(INT16_MAX, scaled), INT16_MIN, INT16_MAX);
      output[c] = (int16_t)look_up(tinynn_exponentials, centred);
      sum += output[c];
    }
    const int32_t factor = reciprocal(sum, &places);
    const int32_t shift = 30 - places; /* sum < 2^31 */
    for (int32_t c = 0; c < p->columns; ++c) {
      const int32_t share = (output[c] * factor + (INT32_C(1) << (shift - 1))) >> shift;
      output[c] = (int16_t)tinynn_clamp(share, 0, INT16_MAX);
    }
    input += p->columns;
    output += p->columns;
  }
}

/* value / (scale of the table), rounded. */
static int32_t scaled(const struct tinynn_sigmoid_int16 *restrict p, int32_t value) {
  const int32_t half = p->right_shift > 0 ? INT32_C(1) << (p->right_shift - 1) : 0;
  return (value * p->multiplier + half) >> p->right_shift;
}

void tinynn_logistic_int16_ref(const struct tinynn_sigmoid_int16 *restrict p, const int16_t *input, int16_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = tinynn_sigmoid_of(scaled(p, input[i]));
  }
}

void tinynn_tanh_int16_ref(const struct tinynn_sigmoid_int16 *restrict p, const int16_t *input, int16_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = tinynn_tanh_of(scaled(p, input[i]));
  }
}
