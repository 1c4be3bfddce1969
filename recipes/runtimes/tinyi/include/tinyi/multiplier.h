/* Real scales as fixed-point factors, in integers: bit for bit QuantizeMultiplier of TFLite (quantization_util.cc), which
 * works on a quotient of doubles.
 *
 * A factor is scale * numerator / denominator, all float32. The double next to that quotient has 53 bits, and is rounded
 * to 31, halves upwards. Both roundings are one: the last but 22nd bit goes up exactly where the fraction behind 31 bits
 * is at least 1/2 - 2^-23 (where it is that, the first rounding is a tie that goes to the even 1/2).
 *
 * The quotient numerator / denominator is taken once for all channels, to 80 bits behind the point, rounded up. A factor
 * times 2^s, with s such that it has 31 bits before the point, is a whole number over the denominator's mantissa, of 24
 * bits. So it is either a rounding's bound or at least 2^-47 away from it, and the error, below 2^24 / 2^80 * 2^8, never
 * leads over one.
 */
#ifndef TINYI_MULTIPLIER_H
#define TINYI_MULTIPLIER_H

#include <stdint.h>

/* numerator / denominator = (high * 2^64 + middle * 2^32 + low) / 2^80 * 2^exponent, the last bit rounded up. */
struct tinyi_quotient {
  uint32_t high, middle, low;
  int32_t exponent;
};

/* As the kernels of tinynn want it: multiplier / 2^31 * 2^shift. */
struct tinyi_factor {
  int32_t multiplier, shift;
};

/* Whether the bits are those of a finite float32 > 0. */
static inline int tinyi_is_positive(uint32_t bits) { return bits - 1 < UINT32_C(0x7f800000) - 1; }

/* Both as the bits of positive float32 numbers. */
struct tinyi_quotient tinyi_quotient(uint32_t numerator, uint32_t denominator);

/* Of quotient * scale; `scale` as the bits of a float32 ≥ 0. */
struct tinyi_factor tinyi_factor(const struct tinyi_quotient *quotient, uint32_t scale);

/* numerator / denominator. */
static inline struct tinyi_factor tinyi_ratio(uint32_t numerator, uint32_t denominator, uint32_t scale) {
  const struct tinyi_quotient quotient = tinyi_quotient(numerator, denominator);
  return tinyi_factor(&quotient, scale);
}

#endif
