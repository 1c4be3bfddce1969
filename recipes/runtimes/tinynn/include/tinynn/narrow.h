/* Outputs of int16 layers whose sums have 32 bits: the formula of wide.h where its shift is below -1.
 *
 *   rescale_narrow(x, f, n) = floor((floor(x * f / 2^32) + 2^(n - 1)) / 2^n) = rescale_wide(x, f / 2^16, -1 - n), n ≥ 1
 *
 * since the half is a multiple of 2^32 before the first division. Channel records: bias, f, n; layouts.py proves that
 * no sum leaves 32 bits.
 */
#ifndef TINYNN_NARROW_H
#define TINYNN_NARROW_H

#include <stdint.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"

static inline int32_t tinynn_rescale_narrow(int32_t sum, const struct tinynn_channel *channel) {
  const int32_t high = (int32_t)(((int64_t)sum * channel->multiplier) >> 32);
  return (high + (INT32_C(1) << (channel->shift - 1))) >> channel->shift;
}

static inline int16_t tinynn_from_narrow(int32_t sum, const struct tinynn_channel *channel, int32_t lowest,
                                         int32_t highest) {
  return (int16_t)tinynn_clamp(tinynn_rescale_narrow(sum, channel), lowest, highest);
}

#endif
