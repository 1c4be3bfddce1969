/* ADD and SUB, int8: the formula of ref/add.c where the input of the larger scale has the multiplier 1/2 and the sum is
 * scaled down, as TFLite prepares them.
 *
 * That input's term is then (value - zero_point) * 2^(left_shift - 1), without rounding, and its zero point goes into a
 * constant. Its multiplier must be 2^30 with shift 0; left_shift is 20.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/rescale_right.h"

enum { LEFT_SHIFT = 20, HALF = 1 << 30 };

/* The input with the smaller scale: what turns its values into terms. */
struct scaled {
  int32_t zero_shifted;
  int32_t factor;   /* 2 * multiplier modulo 2^32 */
  int32_t negative; /* -1 where the division rounds: then a negative number is lowered by 1 */
  int32_t half, exponent;
};

static struct scaled make_scaled(int32_t zero_point, int32_t multiplier, int32_t shift) {
  const struct scaled scaled = {
      .zero_shifted = -zero_point * (1 << LEFT_SHIFT),
      .factor = tinynn_shift_left(multiplier, 1),
      .negative = shift < 0 ? -1 : 0,
      .half = (int32_t)((UINT32_C(1) << -shift) >> 1),
      .exponent = -shift,
  };
  return scaled;
}

static inline int32_t term(struct scaled scaled, int32_t value) {
  const int32_t x = value * (1 << LEFT_SHIFT) + scaled.zero_shifted;
  const int64_t product = (int64_t)x * scaled.factor;
  const int32_t high = x + (int32_t)((product + (INT64_C(1) << 31)) >> 32);
  return (high + ((high >> 31) & scaled.negative) + scaled.half) >> scaled.exponent;
}

/* out = whole_sign * whole + scaled_sign * scaled, the signs being 1 or -1 and known to the compiler. */
static inline void combine(const struct tinynn_add *restrict p, const int8_t *whole, int32_t whole_zero,
                           int32_t whole_sign, const int8_t *other, struct scaled scaled, int32_t scaled_sign,
                           int8_t *output) {
  const struct tinynn_channel result = {0, tinynn_shift_left(p->output_multiplier, 1),
                                        -p->output_multiplier_shift - 1};
  const struct tinynn_right right = tinynn_right(&result, p->output_zero_point);
  const int32_t constant = -whole_sign * whole_zero * (1 << (LEFT_SHIFT - 1));
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t sum = whole[i] * (whole_sign * (1 << (LEFT_SHIFT - 1))) + constant;
    const int32_t out = tinynn_rescale_right(sum + scaled_sign * term(scaled, other[i]), right);
    output[i] = (int8_t)tinynn_clamp(out, p->lowest, p->highest);
  }
}

static inline void add_or_sub(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output, int32_t right_sign) {
  if (p->left_multiplier == HALF && p->left_multiplier_shift == 0) {
    const struct scaled scaled = make_scaled(p->right_zero_point, p->right_multiplier, p->right_multiplier_shift);
    combine(p, left, p->left_zero_point, 1, right, scaled, right_sign, output);
  } else {
    const struct scaled scaled = make_scaled(p->left_zero_point, p->left_multiplier, p->left_multiplier_shift);
    combine(p, right, p->right_zero_point, right_sign, left, scaled, 1, output);
  }
}

void tinynn_add_c(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  add_or_sub(p, left, right, output, 1);
}

void tinynn_sub_c(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  add_or_sub(p, left, right, output, -1);
}
