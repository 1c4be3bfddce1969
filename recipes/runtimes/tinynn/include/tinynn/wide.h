/* Sums of int16 layers, and how they become outputs.
 *
 *   rescale_wide(x, m, s) = floor((x * m + 2^(14 - s)) / 2^(15 - s)), m below 2^15, s from -31 to 7
 *
 * Bit for bit MultiplyByQuantizedMultiplier of TFLM for 64 bits (tensorflow/lite/kernels/internal/common.cc), whose
 * multiplier has 16 bits and which rounds once. Layers with biases of 32 bits sum modulo 2^32 and round twice, as int8
 * does. TFLM leaves zero points out of all of these: they are 0.
 */
#ifndef TINYNN_WIDE_H
#define TINYNN_WIDE_H

#include <stdint.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"

/* What a multiplier of 16 bits stays below. */
enum { TINYNN_WIDE_MULTIPLIERS = 1 << 15 };

/* Modulo 2^64: a file may have any bias. */
static inline int64_t tinynn_add_wide(int64_t sum, int32_t product) {
  return (int64_t)((uint64_t)sum + (uint64_t)(int64_t)product);
}

static inline int32_t tinynn_rescale_wide(int64_t x, int32_t multiplier, int32_t shift) {
  /* modulo 2^64: a file may have any bias */
  const uint64_t product = (uint64_t)x * (uint64_t)(int64_t)multiplier;
  return (int32_t)((int64_t)(product + (UINT64_C(1) << (14 - shift))) >> (15 - shift));
}

static inline int64_t tinynn_wide_bias(const struct tinynn_wide_channel *channel) {
  return (int64_t)((uint64_t)(uint32_t)channel->bias_high << 32 | (uint32_t)channel->bias);
}

/* The output of a channel for its sum, before it is clamped. */
static inline int32_t tinynn_from_sum(int64_t sum, const struct tinynn_wide_channel *channel) {
  return channel->multiplier < TINYNN_WIDE_MULTIPLIERS
             ? tinynn_rescale_wide(sum, channel->multiplier, channel->shift)
             : tinynn_rescale((int32_t)(uint32_t)sum, channel->multiplier, channel->shift);
}

#endif
