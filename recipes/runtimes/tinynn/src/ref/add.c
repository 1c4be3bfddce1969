/* ADD and SUB, int8.
 *
 *   term(v) = rescale((v - zero_point) * 2^left_shift)
 *   out[i] = clamp(zero_point + rescale(term(left[i]) ± term(right[i])))
 *
 * Bit for bit Add of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/add.h) and Sub (reference/sub.h).
 */
#include "tinynn.h"
#include "tinynn/broadcast.h"
#include "tinynn/fixed_point.h"

static int32_t left_term(const struct tinynn_add *restrict p, int32_t value) {
  const int32_t shifted = tinynn_shift_left(value - p->left_zero_point, p->left_shift);
  return tinynn_rescale(shifted, p->left_multiplier, p->left_multiplier_shift);
}

static int32_t right_term(const struct tinynn_add *restrict p, int32_t value) {
  const int32_t shifted = tinynn_shift_left(value - p->right_zero_point, p->left_shift);
  return tinynn_rescale(shifted, p->right_multiplier, p->right_multiplier_shift);
}

static int8_t result(const struct tinynn_add *restrict p, int32_t sum) {
  const int32_t scaled = tinynn_rescale(sum, p->output_multiplier, p->output_multiplier_shift);
  return (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
}

static int8_t add(const void *p, int32_t left, int32_t right) {
  return result(p, left_term(p, left) + right_term(p, right));
}

static int8_t sub(const void *p, int32_t left, int32_t right) {
  return result(p, left_term(p, left) - right_term(p, right));
}

void tinynn_add_ref(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = add(p, left[i], right[i]);
  }
}

void tinynn_sub_ref(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = sub(p, left[i], right[i]);
  }
}

void tinynn_add_broadcast_ref(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output) {
  tinynn_broadcast(&p->broadcast, add, p, left, right, output);
}

void tinynn_sub_broadcast_ref(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output) {
  tinynn_broadcast(&p->broadcast, sub, p, left, right, output);
}
