/* ADD, SUB, MUL, MINIMUM, MAXIMUM and LEAKY_RELU, int16: the formulas of int8 (add.c, mul.c, minmax.c, leaky_relu.c),
 * zero points being 0.
 *
 * Bit for bit TFLM (tensorflow/lite/kernels/internal/reference/: add.h, sub.h, integer_ops/mul.h, maximum_minimum.h,
 * leaky_relu.h), whose left_shift of ADD and SUB is 15 here.
 */
#define TINYNN_ELEMENT int16_t
#include "tinynn.h"
#include "tinynn/broadcast.h"
#include "tinynn/fixed_point.h"

static int32_t left_term(const struct tinynn_add *restrict p, int32_t value) {
  return tinynn_rescale(tinynn_shift_left(value, p->left_shift), p->left_multiplier, p->left_multiplier_shift);
}

static int32_t right_term(const struct tinynn_add *restrict p, int32_t value) {
  return tinynn_rescale(tinynn_shift_left(value, p->left_shift), p->right_multiplier, p->right_multiplier_shift);
}

static int16_t result(const struct tinynn_add *restrict p, int32_t sum) {
  const int32_t scaled = tinynn_rescale(sum, p->output_multiplier, p->output_multiplier_shift);
  return (int16_t)tinynn_clamp(scaled, p->lowest, p->highest);
}

static int16_t add(const void *p, int32_t left, int32_t right) {
  return result(p, left_term(p, left) + right_term(p, right));
}

static int16_t sub(const void *p, int32_t left, int32_t right) {
  return result(p, left_term(p, left) - right_term(p, right));
}

static int16_t mul(const void *parameters, int32_t left, int32_t right) {
  const struct tinynn_mul *p = parameters;
  const int32_t scaled = tinynn_rescale(left * right, p->output_multiplier, p->output_multiplier_shift);
  return (int16_t)tinynn_clamp(scaled, p->lowest, p->highest);
}

static int16_t minimum(const void *p, int32_t left, int32_t right) {
  (void)p;
  return (int16_t)(left < right ? left : right);
}

static int16_t maximum(const void *p, int32_t left, int32_t right) {
  (void)p;
  return (int16_t)(left > right ? left : right);
}

#define BINARY(name, parameters)                                                                                   \
  void tinynn_##name##_int16_ref(const struct parameters *restrict p, const int16_t *left, const int16_t *right,   \
                                 int16_t *output) {                                                                \
    for (int32_t i = 0; i < p->elements; ++i) {                                                                    \
      output[i] = name(p, left[i], right[i]);                                                                      \
    }                                                                                                              \
  }                                                                                                                \
  void tinynn_##name##_broadcast_int16_ref(const struct parameters *restrict p, const int16_t *left,               \
                                           const int16_t *right, int16_t *output) {                                \
    tinynn_broadcast(&p->broadcast, name, p, left, right, output);                                                 \
  }

BINARY(add, tinynn_add)
BINARY(sub, tinynn_add)
BINARY(mul, tinynn_mul)
BINARY(minimum, tinynn_minmax)
BINARY(maximum, tinynn_minmax)

void tinynn_leaky_relu_int16_ref(const struct tinynn_leaky_relu *restrict p, const int16_t *input, int16_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t scaled = input[i] >= 0 ? tinynn_rescale(input[i], p->identity_multiplier, p->identity_shift)
                                         : tinynn_rescale(input[i], p->alpha_multiplier, p->alpha_shift);
    output[i] = (int16_t)tinynn_clamp(scaled, INT16_MIN, INT16_MAX);
  }
}
