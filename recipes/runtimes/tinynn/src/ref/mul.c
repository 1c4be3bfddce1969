/* MUL, int8.
 *
 *   out[i] = clamp(zero_point + rescale((left[i] - left_zero_point) * (right[i] - right_zero_point)))
 *
 * Bit for bit Mul of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/mul.h).
 */
#include "tinynn.h"
#include "tinynn/broadcast.h"
#include "tinynn/fixed_point.h"

static int8_t mul(const void *parameters, int32_t left, int32_t right) {
  const struct tinynn_mul *p = parameters;
  const int32_t product = (left - p->left_zero_point) * (right - p->right_zero_point);
  const int32_t scaled = tinynn_rescale(product, p->output_multiplier, p->output_multiplier_shift);
  return (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
}

void tinynn_mul_ref(const struct tinynn_mul *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = mul(p, left[i], right[i]);
  }
}

void tinynn_mul_broadcast_ref(const struct tinynn_mul *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output) {
  tinynn_broadcast(&p->broadcast, mul, p, left, right, output);
}
