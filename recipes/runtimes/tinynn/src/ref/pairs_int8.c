/* Comparisons, SQUARED_DIFFERENCE, DIV and PRELU, int8.
 *
 *   comparisons         x ? y, of x = rescale((a - zero_point) * 2^left_shift), and y alike
 *   SQUARED_DIFFERENCE  clamp(zero_point + rescale((x - y)²))
 *   DIV                 clamp(zero_point + rescale((a - zero_point) / (b - zero_point)))
 *   PRELU               clamp(zero_point + rescale(x)) of x = a - zero_point; below 0, of x * (b - zero_point)
 *
 * Bit for bit comparisons.h, div.h and prelu.h of TFLM (tensorflow/lite/kernels/internal/reference/) and
 * squared_difference.cc (tensorflow/lite/micro/kernels/). DIV's reciprocal is GetReciprocal of common.h; a divisor of 0
 * counts as 1, where TFLM ends the program.
 */
#include "tinynn/exponential.h"
#include "tinynn/pairs.h"

static inline int32_t left_of(const struct tinynn_add *p, int32_t value) {
  return tinynn_rescale(tinynn_shift_left(value - p->left_zero_point, p->left_shift), p->left_multiplier,
                        p->left_multiplier_shift);
}

static inline int32_t right_of(const struct tinynn_add *p, int32_t value) {
  return tinynn_rescale(tinynn_shift_left(value - p->right_zero_point, p->left_shift), p->right_multiplier,
                        p->right_multiplier_shift);
}

#define COMPARISON(name, sign) TINYNN_ROWS(name, tinynn_add, int8_t, int8_t, left_of(p, a) sign right_of(p, b))

COMPARISON(equal, ==)
COMPARISON(not_equal, !=)
COMPARISON(less, <)
COMPARISON(less_equal, <=)
COMPARISON(greater, >)
COMPARISON(greater_equal, >=)

static int32_t squared_difference(const struct tinynn_add *p, int32_t difference) {
  const int32_t square = (int32_t)((uint32_t)difference * (uint32_t)difference);
  const int32_t scaled = tinynn_rescale(square, p->output_multiplier, p->output_multiplier_shift);
  return tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), INT8_MIN, INT8_MAX);
}

TINYNN_ROWS(squared_difference, tinynn_add, int8_t, int8_t, squared_difference(p, left_of(p, a) - right_of(p, b)))

/* Bits before the first that differs from the sign, that one not counted. */
static int32_t sign_bits(int32_t value) {
  const uint32_t bits = (uint32_t)(value < 0 ? ~value : value);
  int32_t count = 0;
  while (count < 31 && bits >> (30 - count) == 0) {
    ++count;
  }
  return count;
}

static int32_t quotient(const struct tinynn_mul *p, int32_t dividend, int32_t divisor) {
  dividend = divisor < 0 ? -dividend : dividend;
  divisor = divisor < 0 ? -divisor : divisor == 0 ? 1 : divisor;
  /* divisor = (1 + fraction) * 2^(30 - divisor_room) */
  const int32_t divisor_room = sign_bits(divisor), room = sign_bits(dividend);
  const uint32_t fraction = ((uint32_t)divisor << (divisor_room + 1)) - (UINT32_C(1) << 31);
  const int32_t reciprocal = tinynn_one_over_one_plus((int32_t)fraction);
  const int32_t unscaled = tinynn_high(tinynn_shift_left(dividend, room), reciprocal);
  const int32_t right = 30 - divisor_room + room - p->output_multiplier_shift;
  const int32_t scaled = right > 31 ? 0 : tinynn_divide(tinynn_high(unscaled, p->output_multiplier), right);
  return tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
}

TINYNN_ROWS(div, tinynn_mul, int8_t, int8_t, quotient(p, a - p->left_zero_point, b - p->right_zero_point))

static int32_t prelu(const struct tinynn_prelu *p, int32_t value, int32_t slope) {
  const int32_t scaled = value >= 0 ? tinynn_rescale(value, p->identity_multiplier, p->identity_shift)
                                    : tinynn_rescale(value * slope, p->alpha_multiplier, p->alpha_shift);
  return tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), INT8_MIN, INT8_MAX);
}

TINYNN_ROWS(prelu, tinynn_prelu, int8_t, int8_t, prelu(p, a - p->input_zero_point, b - p->alpha_zero_point))
