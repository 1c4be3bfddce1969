/* exp, 1/(1 + x) and (1 - x)/(1 + x) in fixed point: bit for bit exp_on_negative_values,
 * one_over_one_plus_x_for_x_in_0_1 and one_minus_x_over_one_plus_x_for_x_in_0_1 of gemmlowp
 * (fixedpoint/fixedpoint.h). Qm.n is a number of m integer and n fraction bits. */
#ifndef TINYNN_EXPONENTIAL_H
#define TINYNN_EXPONENTIAL_H

#include "tinynn/fixed_point.h"

/* exp(x) in Q0.31 for x in [-1/4, 0), Q0.31: Taylor's series of fourth degree around -1/8. */
static inline int32_t tinynn_exp_of_quarter(int32_t x) {
  const int32_t exp_minus_eighth = 1895147668; /* exp(-1/8), Q0.31 */
  const int32_t third = 715827883;             /* 1/3, Q0.31 */
  const int32_t y = x + (INT32_C(1) << 28);
  const int32_t y2 = tinynn_high(y, y);
  const int32_t y3 = tinynn_high(y2, y);
  const int32_t y4 = tinynn_high(y2, y2);
  const int32_t tail = tinynn_divide(tinynn_high(tinynn_divide(y4, 2) + y3, third) + y2, 1);
  return exp_minus_eighth + tinynn_high(exp_minus_eighth, y + tail);
}

/* exp(x) in Q0.31 for x ≤ 0 with `integer_bits` (0 to 5 or so) integer bits. */
static inline int32_t tinynn_exp_on_negative_values(int32_t x, int32_t integer_bits) {
  static const int32_t exp_of_minus_powers[] = {/* exp(-2^e) for e = -2 … 4, Q0.31 */
                                                1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  const int32_t fraction_bits = 31 - integer_bits;
  const int32_t quarter = INT32_C(1) << (fraction_bits - 2);
  if (x == 0) {
    return INT32_MAX;
  }
  const int32_t in_quarter = (x & (quarter - 1)) - quarter;
  const int32_t remainder = in_quarter - x; /* a multiple of 1/4 */
  int32_t result = tinynn_exp_of_quarter(tinynn_shift_left(in_quarter, integer_bits));
  for (int32_t e = -2; e < integer_bits; ++e) {
    if ((remainder & (INT32_C(1) << (fraction_bits + e))) != 0) {
      result = tinynn_high(result, exp_of_minus_powers[e + 2]);
    }
  }
  return result;
}

/* 2 / (1 + x) in Q2.29 for x in [0, 1), Q0.31: Newton's method from 48/17 - 32/17 * half of the denominator. */
static inline int32_t tinynn_two_over_one_plus(int32_t x) {
  const int32_t half_denominator = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t y = 1515870810 + tinynn_high(half_denominator, -1010580540);
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t rest = (INT32_C(1) << 29) - tinynn_high(half_denominator, y);
    y += tinynn_shift_left(tinynn_high(y, rest), 2);
  }
  return y;
}

/* 1 / (1 + x) in Q0.31 for x in [0, 1), Q0.31. */
static inline int32_t tinynn_one_over_one_plus(int32_t x) {
  const int32_t y = tinynn_two_over_one_plus(x);
  return y > INT32_MAX / 2 ? INT32_MAX : y * 2;
}

/* (1 - x) / (1 + x) in Q0.31 for x in [0, 1), Q0.31. */
static inline int32_t tinynn_one_minus_over_one_plus(int32_t x) {
  const int32_t y = tinynn_two_over_one_plus(x) - (INT32_C(1) << 29);
  return y > INT32_MAX / 4 ? INT32_MAX : y < INT32_MIN / 4 ? INT32_MIN : y * 4;
}

#endif
