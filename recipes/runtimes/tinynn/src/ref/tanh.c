/* TANH, int8 → int8 with scale 1/128 and zero point 0.
 *
 *   out[i] = clamp(128 * tanh(x)), x = scale * (in[i] - zero_point) as Q4.27
 *
 * Bit for bit Tanh of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/tanh.h), which computes tanh of
 * gemmlowp's fixedpoint.h.
 */
#include "tinynn.h"
#include "tinynn/exponential.h"

enum { INPUT_INTEGER_BITS = 4, OUTPUT_BITS = 7 };

/* tanh(x) in Q0.31: (1 - e) / (1 + e) with e = exp(-2 |x|); twice a Q4.27 is the same number as Q5.26. */
static int32_t tanh_of(int32_t x) {
  if (x == 0) {
    return 0;
  }
  const int32_t e = tinynn_exp_on_negative_values(x > 0 ? -x : x, INPUT_INTEGER_BITS + 1);
  const int32_t t = tinynn_one_minus_over_one_plus(e);
  return x > 0 ? t : -t;
}

void tinynn_tanh_ref(const struct tinynn_sigmoid *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t centred = input[i] - p->input_zero_point;
    if (centred <= -p->input_range_radius) {
      output[i] = INT8_MIN;
    } else if (centred >= p->input_range_radius) {
      output[i] = INT8_MAX;
    } else {
      const int32_t result = tanh_of(tinynn_rescale(centred, p->multiplier, p->left_shift));
      output[i] = (int8_t)tinynn_clamp(tinynn_divide(result, 31 - OUTPUT_BITS), INT8_MIN, INT8_MAX);
    }
  }
}
