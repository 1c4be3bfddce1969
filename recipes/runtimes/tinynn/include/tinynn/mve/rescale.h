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

/* Four channels of one pixel. */
static inline int32x4_t tinynn_mve_rescale(int32x4_t sums, int32x4_t multipliers, int32x4_t shifts,
                                           const struct tinynn_mve_clamp *clamp) {
  const int32x4_t high = vqrdmulhq_s32(sums, multipliers);
  return tinynn_mve_clamped(vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), shifts), clamp);
}

/* Four pixels of one channel. */
static inline int32x4_t tinynn_mve_rescale_channel(int32x4_t sums, int32_t multiplier, int32_t shift,
                                                   const struct tinynn_mve_clamp *clamp) {
  const int32x4_t high = vqrdmulhq_n_s32(sums, multiplier);
  return tinynn_mve_clamped(vrshlq_n_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), shift), clamp);
}

#endif
