/* Four accumulators to four int8 outputs: the formula of fixed_point.h where every scale is below 1/2.
 *
 * VQRDMULH is `high`, VRSHL rounds halves up; a negative number is lowered by 1 before, which rounds halves away from
 * zero. Blocks of four channel records hold [4] biases, [4] multipliers, [4] shifts (-31 to -1): layouts.py.
 */
#ifndef TINYNN_MVE_RESCALE_H
#define TINYNN_MVE_RESCALE_H

#include <arm_mve.h>

#include "tinynn.h"

/* What is the same for a whole layer. */
struct tinynn_mve_clamp {
  int32_t zero_point;
  int32x4_t lowest, highest;
};

static inline struct tinynn_mve_clamp tinynn_mve_clamp(int32_t zero_point, int32_t lowest, int32_t highest) {
  const struct tinynn_mve_clamp clamp = {zero_point, vdupq_n_s32(lowest), vdupq_n_s32(highest)};
  return clamp;
}

static inline int32x4_t tinynn_mve_clamped(int32x4_t x, const struct tinynn_mve_clamp *clamp) {
  return vminq_s32(vmaxq_s32(vaddq_n_s32(x, clamp->zero_point), clamp->lowest), clamp->highest);
}

/* divide(high(x, multiplier), -shift) of each. */
static inline int32x4_t tinynn_mve_scaled(int32x4_t x, int32x4_t multipliers, int32x4_t shifts) {
  const int32x4_t high = vqrdmulhq_s32(x, multipliers);
  return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), shifts);
}

/* Four channels of one pixel. */
static inline int32x4_t tinynn_mve_rescale(int32x4_t sums, int32x4_t multipliers, int32x4_t shifts,
                                           const struct tinynn_mve_clamp *clamp) {
  return tinynn_mve_clamped(tinynn_mve_scaled(sums, multipliers, shifts), clamp);
}

/* Four channels of two pixels whose outputs are `pitch` bytes apart, from the block of records at `channel`. */
static inline void tinynn_mve_store_two(int8_t *output, int32_t pitch, const int32x4_t sums[2], const int32_t *channel,
                                        const struct tinynn_mve_clamp *clamp) {
  const int32x4_t bias = vld1q_s32(channel), multipliers = vld1q_s32(channel + 4), shifts = vld1q_s32(channel + 8);
  vstrbq_s32(output, tinynn_mve_rescale(vaddq_s32(sums[0], bias), multipliers, shifts, clamp));
  vstrbq_s32(output + pitch, tinynn_mve_rescale(vaddq_s32(sums[1], bias), multipliers, shifts, clamp));
}

/* Four pixels of one channel. */
static inline int32x4_t tinynn_mve_rescale_channel(int32x4_t sums, int32_t multiplier, int32_t shift,
                                                   const struct tinynn_mve_clamp *clamp) {
  const int32x4_t high = vqrdmulhq_n_s32(sums, multiplier);
  return tinynn_mve_clamped(vrshlq_n_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), shift), clamp);
}

#endif
