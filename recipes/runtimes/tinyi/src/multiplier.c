/* Real scales as fixed-point factors: see tinyi/multiplier.h. */
#include "tinyi/multiplier.h"

/* mantissa * 2^exponent, the mantissa in [2^23, 2^24), of the bits of a positive float32. */
struct parts {
  uint32_t mantissa;
  int32_t exponent;
};

static inline struct parts parts_of(uint32_t bits) {
  struct parts parts = {(bits & 0x7fffff) | 0x800000, (int32_t)(bits >> 23) - 150};
  if (bits >> 23 == 0) { /* a subnormal number */
    parts.mantissa = bits;
    parts.exponent = -149;
    while (parts.mantissa < 0x800000) {
      parts.mantissa <<= 1;
      --parts.exponent;
    }
  }
  return parts;
}

/* The next 16 bits of a quotient: remainder < divisor < 2^24. */
static inline uint32_t next_bits(uint32_t *remainder, uint32_t divisor) {
  uint32_t digits = 0;
  for (int32_t i = 0; i < 2; ++i) {
    const uint32_t dividend = *remainder << 8;
    const uint32_t digit = dividend / divisor;
    *remainder = dividend - digit * divisor;
    digits = digits << 8 | digit;
  }
  return digits;
}

struct tinyi_quotient tinyi_quotient(uint32_t numerator, uint32_t denominator) {
  const struct parts above = parts_of(numerator), below = parts_of(denominator);
  struct tinyi_quotient quotient;
  const uint32_t whole = above.mantissa / below.mantissa;
  uint32_t remainder = above.mantissa - whole * below.mantissa;
  quotient.high = whole << 16 | next_bits(&remainder, below.mantissa);
  quotient.middle = next_bits(&remainder, below.mantissa) << 16;
  quotient.middle |= next_bits(&remainder, below.mantissa);
  quotient.low = next_bits(&remainder, below.mantissa) << 16;
  quotient.low |= next_bits(&remainder, below.mantissa);
  quotient.exponent = above.exponent - below.exponent;
  /* the 17 bits of `high`, of which the first may be 0, then as many of the others as fit */
  quotient.places = whole == 0;
  const int32_t left = 15 + quotient.places;
  quotient.first = quotient.high << left | quotient.middle >> (32 - left);
  quotient.second = quotient.middle << left | quotient.low >> (32 - left);
  if (remainder != 0 && ++quotient.low == 0 && ++quotient.middle == 0) {
    ++quotient.high;
  }
  return quotient;
}

struct tinyi_factor tinyi_factor_by_all(const struct tinyi_quotient *quotient, uint32_t scale) {
  struct tinyi_factor factor = {0, 0};
  if (scale == 0) {
    return factor;
  }
  const struct parts parts = parts_of(scale);
  /* the product, in units of 2^-80: 39 to 41 bits at 2^64 and above, then the middle ones */
  const uint64_t low = (uint64_t)quotient->low * parts.mantissa;
  const uint64_t middle = (uint64_t)quotient->middle * parts.mantissa + (low >> 32);
  uint64_t high = (uint64_t)quotient->high * parts.mantissa + (middle >> 32);
  const uint32_t top = (uint32_t)(high >> 38);
  const int32_t spare = 8 + (top > 1) + (top > 3); /* bits of `high` behind the 31 */
  /* 2^-23 of the 31st bit, then half of it */
  const uint32_t fraction = (uint32_t)middle;
  high += fraction + (UINT32_C(1) << (9 + spare)) < fraction;
  high += UINT64_C(1) << (spare - 1);
  factor.multiplier = (int32_t)((high >> spare) & 0x7fffffff);
  factor.shift = spare + 15 + parts.exponent + quotient->exponent;
  if (high >> spare == UINT64_C(1) << 31) {
    factor.multiplier = INT32_C(1) << 30;
    ++factor.shift;
  }
  if (factor.shift < -31) {
    factor.multiplier = 0;
    factor.shift = 0;
  }
  return factor;
}

uint32_t tinyi_divide(uint32_t value, int32_t shift, uint32_t divisor) {
  uint32_t rest = 0, quotient = 0;
  for (int32_t bit = 31 + shift; bit >= 0; --bit) {
    rest = rest << 1 | (bit >= shift ? value >> (bit - shift) & 1 : 0);
    quotient <<= 1;
    if (rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
  }
  return quotient;
}

struct tinyi_factor tinyi_reciprocal(struct tinyi_factor factor) {
  const struct tinyi_factor power = {1 << 30, 2 - factor.shift};
  /* one bit more than is kept */
  const uint32_t quotient = tinyi_divide(UINT32_C(1) << 31, 31, (uint32_t)factor.multiplier);
  const struct tinyi_factor other = {(int32_t)((quotient + 1) >> 1), 1 - factor.shift};
  return factor.multiplier == 1 << 30 ? power : other;
}
