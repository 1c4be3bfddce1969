/* Products with real scales in integers, rounded twice.
 *
 *   high(x, m)       = round(x * m / 2^31), halves up
 *   divide(x, n)     = round(x / 2^n), halves away from zero
 *   rescale(x, m, s) = divide(high(x * 2^max(s, 0), m), max(-s, 0)), s from -31 to 30
 *
 * Bit for bit SaturatingRoundingDoublingHighMul and RoundingDivideByPOT of gemmlowp (fixedpoint.h) and
 * MultiplyByQuantizedMultiplier of TFLM (tensorflow/lite/kernels/internal/common.h, without
 * TFLITE_SINGLE_ROUNDING). gemmlowp rounds negative products by 1 - 2^30 and a division that truncates, which is the
 * same as adding 2^30 and flooring.
 */
#ifndef TINYNN_FIXED_POINT_H
#define TINYNN_FIXED_POINT_H

#include <stdint.h>

static inline int32_t tinynn_high(int32_t x, int32_t multiplier) {
  if (x == INT32_MIN && multiplier == INT32_MIN) {
    return INT32_MAX;
  }
  return (int32_t)(((int64_t)x * multiplier + (INT64_C(1) << 30)) >> 31);
}

static inline int32_t tinynn_divide(int32_t x, int32_t exponent) {
  const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1);
  const int32_t remainder = x & mask;
  const int32_t threshold = (mask >> 1) + (x < 0);
  return (x >> exponent) + (remainder > threshold);
}

/* x * 2^shift modulo 2^32, as the machines that TFLM runs on do it. Up to 30 places: processors differ above 31, so who
 * makes a multiplier refuses what needs more (rescaling_factor of tinyflow/model/fixed_point.py, tinyi). */
static inline int32_t tinynn_shift_left(int32_t x, int32_t shift) {
  return (int32_t)((uint32_t)x << shift);
}

static inline int32_t tinynn_rescale(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = shift > 0 ? 0 : -shift;
  return tinynn_divide(tinynn_high(tinynn_shift_left(x, left), multiplier), right);
}

/* x + zero_point modulo 2^32: a factor of 2^23 and more can take x near the end of int32. */
static inline int32_t tinynn_from_zero(int32_t zero_point, int32_t x) {
  return (int32_t)((uint32_t)zero_point + (uint32_t)x);
}

static inline int32_t tinynn_clamp(int32_t x, int32_t lowest, int32_t highest) {
  return x < lowest ? lowest : x > highest ? highest : x;
}

#endif
