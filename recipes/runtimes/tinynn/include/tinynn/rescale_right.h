/* Accumulator to int8 output where each channel is scaled down: the formula of fixed_point.h without a branch.
 *
 *   out = clamp(zero_point + divide(high(acc, multiplier), n)), n ≥ 1
 *
 * Channel records: bias; factor = 2 * multiplier modulo 2^32; shift = n - 1. layouts.py proves that nothing overflows.
 */
#ifndef TINYNN_RESCALE_RIGHT_H
#define TINYNN_RESCALE_RIGHT_H

#include <stdint.h>

#include "tinynn.h"

/* What is constant for one channel. */
struct tinynn_right {
  int32_t factor, shift, offset;
};

#if defined(__riscv) && __riscv_xlen == 32

static inline struct tinynn_right tinynn_right(const struct tinynn_channel *channel, int32_t output_zero_point) {
  /* t below is 2 * high(acc) before its last rounding bit, so all is one bit further left */
  const int32_t offset = (2 * output_zero_point + 1) * (INT32_C(1) << (channel->shift + 1)) + 1;
  const struct tinynn_right right = {channel->multiplier, channel->shift + 2, offset};
  return right;
}

/* t = floor(acc * multiplier / 2^30); high(acc) = (t + 1) >> 1; both roundings are one addition, except that a negative
 * number is lowered by 1 (2 here) before the second, which rounds halves away from zero. */
static inline int32_t tinynn_rescale_right(int32_t acc, struct tinynn_right right) {
  int32_t t;
  __asm__("mulhsu %0, %1, %2" : "=r"(t) : "r"((uint32_t)acc << 1), "r"(right.factor));
  return (t + right.offset + 2 * (t >> 31)) >> right.shift;
}

#else

static inline struct tinynn_right tinynn_right(const struct tinynn_channel *channel, int32_t output_zero_point) {
  const int32_t offset = (2 * output_zero_point + 1) * (INT32_C(1) << channel->shift);
  const struct tinynn_right right = {channel->multiplier, channel->shift + 1, offset};
  return right;
}

/* round(a * b / 2^32). Without a long multiplication (clang's Xtensa has none) by halves: a * b is upper 2^32 + middle 2^16 + lower, and no sum of
 * these leaves 32 bits. */
static inline int32_t tinynn_high_product(int32_t a, int32_t b) {
#if (defined(__arm__) && __ARM_ARCH_ISA_THUMB == 1) || (defined(__XTENSA__) && defined(__clang__))
  const int32_t a0 = a & 0xffff, a1 = a >> 16, b0 = b & 0xffff, b1 = b >> 16;
  const int32_t middle = a1 * b0 + (int32_t)((uint32_t)a0 * (uint32_t)b0 >> 16);
  return a1 * b1 + (middle >> 16) + ((a0 * b1 + (middle & 0xffff) + 0x8000) >> 16);
#else
  return (int32_t)(((int64_t)a * b + (INT64_C(1) << 31)) >> 32);
#endif
}

/* acc + round(acc * factor / 2^32) = high(acc, multiplier), since factor = 2 * multiplier - 2^32; a negative number is
 * lowered by 1 before the half is added, which rounds halves away from zero. */
static inline int32_t tinynn_rescale_right(int32_t acc, struct tinynn_right right) {
  const int32_t high = acc + tinynn_high_product(acc, right.factor);
  return (high + (high >> 31) + right.offset) >> right.shift;
}

#endif

#endif
