/* Real scales as fixed-point factors, in integers: bit for bit QuantizeMultiplier of TFLite (quantization_util.cc),
 * which works on a quotient of doubles.
 *
 * A factor is scale * numerator / denominator, all float32. The double next to that quotient has 53 bits, and is
 * rounded to 31, halves upwards. Both roundings are one: the last but 22nd bit goes up exactly where the fraction
 * behind 31 bits is at least 1/2 - 2^-23 (where it is that, the first rounding is a tie that goes to the even 1/2).
 *
 * The quotient numerator / denominator is taken once for all channels, to 80 bits behind the point, rounded up. A
 * factor times 2^s, with s such that it has 31 bits before the point, is a whole number over the denominator's
 * mantissa, of 24 bits. So it is either a rounding's bound or at least 2^-47 away from it, and the error, below 2^24 /
 * 2^80 * 2^8, never leads over one. The first 64 bits are enough, and quicker, for all but one in a thousand million
 * factors.
 */
#ifndef TINYI_MULTIPLIER_H
#define TINYI_MULTIPLIER_H

#include <stdint.h>

/* numerator / denominator = (high * 2^64 + middle * 2^32 + low) / 2^80 * 2^exponent, the last bit rounded up; `first`
 * and `second`: its first 64 bits, from the first 1 on, cut off; `places`: 0 where that 1 has the weight 1, 1 where it
 * has 1/2. */
struct tinyi_quotient {
  uint32_t high, middle, low;
  int32_t exponent;
  uint32_t first, second;
  int32_t places;
};

/* As the kernels of tinynn read it: multiplier / 2^31 * 2^shift. */
struct tinyi_factor {
  int32_t multiplier, shift;
};

/* Beyond it processors differ in what a shift to the left gives, and TFLM's kernels are undefined. */
enum { TINYI_LARGEST_SHIFT = 30 };

/* What TFLM shifts a sum of 64 bits to the left by, at most. */
enum { TINYI_LARGEST_WIDE_SHIFT = 7 };

/* A multiplier for sums of 64 bits: tinynn/wide.h. */
static inline int32_t tinyi_wide_multiplier(int32_t multiplier) {
  return multiplier < 0x7fff0000 ? (multiplier + (1 << 15)) >> 16 : 0x7fff;
}

/* Whether the bits are those of a finite float32 > 0. */
static inline int tinyi_is_positive(uint32_t bits) { return bits - 1 < UINT32_C(0x7f800000) - 1; }

/* Whether they are those of a scale that a channel of weights may have. */
static inline int tinyi_is_scale(uint32_t bits) { return bits < UINT32_C(0x7f800000); }

/* Both as the bits of positive float32 numbers. */
struct tinyi_quotient tinyi_quotient(uint32_t numerator, uint32_t denominator);

/* Of quotient * scale; `scale` as the bits of a float32 ≥ 0. From all bits of the quotient. */
struct tinyi_factor tinyi_factor_by_all(const struct tinyi_quotient *quotient, uint32_t scale);

/* The same, from its first bits where these decide. */
static inline struct tinyi_factor tinyi_factor(const struct tinyi_quotient *quotient, uint32_t scale) {
  const uint32_t mantissa = scale << 8 | UINT32_C(0x80000000);
  const uint64_t low = (uint64_t)mantissa * quotient->second;
  const uint64_t product = (uint64_t)mantissa * quotient->first + (low >> 32);
  uint32_t bits = (uint32_t)(product >> 32), fraction = (uint32_t)product;
  int32_t shift = (int32_t)(scale >> 23) - 126 + quotient->exponent - quotient->places;
  if (bits >> 31 != 0) {
    fraction = fraction >> 1 | bits << 31;
    bits >>= 1;
    ++shift;
  }
  /* what was cut off is less than 2 in the fraction's last bit; up to 1/2 - 2^-23 is rounded down */
  const uint32_t half = UINT32_C(0x80000000) - (1 << 9);
  if (fraction - (half - 2) < 3 || scale >> 23 == 0 || shift < -31 || bits + 1 == UINT32_C(1) << 31) {
    return tinyi_factor_by_all(quotient, scale);
  }
  const struct tinyi_factor factor = {(int32_t)(bits + (fraction >= half)), shift};
  return factor;
}

/* numerator / denominator. */
static inline struct tinyi_factor tinyi_ratio(uint32_t numerator, uint32_t denominator, uint32_t scale) {
  const struct tinyi_quotient quotient = tinyi_quotient(numerator, denominator);
  return tinyi_factor(&quotient, scale);
}

/* floor(value * 2^shift / divisor), which fits 32 bits; divisor < 2^31. */
uint32_t tinyi_divide(uint32_t value, int32_t shift, uint32_t divisor);

/* Of 1 / factor, rounded; its multiplier is in [2^30, 2^31). */
struct tinyi_factor tinyi_reciprocal(struct tinyi_factor factor);

#endif
