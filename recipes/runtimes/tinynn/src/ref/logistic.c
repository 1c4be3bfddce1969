/* LOGISTIC, int8 → int8 with scale 1/256 and zero point -128.
 *
 *   out[i] = min(256 / (1 + exp(-x)), 255) - 128, x = scale * (in[i] - zero_point) as Q4.27
 *
 * Bit for bit Logistic of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h), which computes
 * logistic of gemmlowp's fixedpoint.h.
 */
#include "tinynn.h"
#include "tinynn/exponential.h"

enum { INPUT_INTEGER_BITS = 4, OUTPUT_BITS = 8 };

/* 1 / (1 + exp(-x)) in Q0.31. */
static int32_t logistic(int32_t x) {
  if (x == 0) {
    return INT32_C(1) << 30;
  }
  const int32_t positive = tinynn_one_over_one_plus(tinynn_exp_on_negative_values(x > 0 ? -x : x, INPUT_INTEGER_BITS));
  return x > 0 ? positive : INT32_MAX - positive;
}

void tinynn_logistic_ref(const struct tinynn_sigmoid *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t centred = input[i] - p->input_zero_point;
    if (centred <= -p->input_range_radius) {
      output[i] = INT8_MIN;
    } else if (centred >= p->input_range_radius) {
      output[i] = INT8_MAX;
    } else {
      const int32_t share = logistic(tinynn_rescale(centred, p->multiplier, p->left_shift));
      const int32_t rounded = tinynn_divide(share, 31 - OUTPUT_BITS);
      output[i] = (int8_t)((rounded == 256 ? 255 : rounded) + INT8_MIN);
    }
  }
}
