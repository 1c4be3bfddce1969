/* 1 / sqrt(x) in fixed point: bit for bit GetInvSqrtQuantizedMultiplierExp of TFLM
 * (tensorflow/lite/kernels/internal/common.h). */
#ifndef TINYNN_SQUARE_ROOT_H
#define TINYNN_SQUARE_ROOT_H

#include "tinynn/fixed_point.h"

struct tinynn_factor {
  int32_t multiplier, shift; /* of tinynn_rescale */
};

/* x * 2^places, saturated. */
static inline int32_t tinynn_saturating_shift(int32_t x, int32_t places) {
  const int32_t most = INT32_MAX >> places;
  return x > most ? INT32_MAX : x < -most - 1 ? INT32_MIN : tinynn_shift_left(x, places);
}

/* Of x ≥ 0; 0 counts as 1. Five steps of Newton's method from 1, in Q3.28. */
static inline struct tinynn_factor tinynn_inverse_square_root(int32_t x) {
  struct tinynn_factor factor = {INT32_MAX, 0};
  if (x <= 1) {
    return factor;
  }
  int32_t shift = 11;
  while (x >= INT32_C(1) << 29) {
    x /= 4;
    ++shift;
  }
  while (x < INT32_C(1) << 27) {
    x *= 4;
    --shift;
  }
  const int32_t half = tinynn_divide(x >> 1, 1), three_halves = (INT32_C(1) << 28) + (INT32_C(1) << 27);
  int32_t y = INT32_C(1) << 28;
  for (int32_t i = 0; i < 5; ++i) {
    const int32_t cube = tinynn_saturating_shift(tinynn_high(tinynn_high(y, y), y), 6);
    y = tinynn_saturating_shift(tinynn_high(three_halves, y) - tinynn_high(half, cube), 3);
  }
  y = tinynn_high(y, 1518500250); /* sqrt(1/2), Q0.31 */
  factor.multiplier = shift < 0 ? tinynn_shift_left(y, -shift) : y;
  factor.shift = shift < 0 ? 0 : -shift;
  return factor;
}

#endif
