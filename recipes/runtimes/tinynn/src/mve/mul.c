/* MUL with Helium: the formula of ref/mul.c, four elements at a time, where the product is scaled down. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinynn.h"

enum { LANES = 4 };

void tinynn_mul_mve(const struct tinynn_mul *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  const int32x4_t lowest = vdupq_n_s32(p->lowest), highest = vdupq_n_s32(p->highest);
  const int32x4_t shifts = vdupq_n_s32(p->output_multiplier_shift);
  for (int32_t count = p->elements; count > 0; count -= LANES) {
    const mve_pred16_t lanes = vctp32q((uint32_t)count);
    const int32x4_t a = vsubq_n_s32(vldrbq_z_s32(left, lanes), p->left_zero_point);
    const int32x4_t b = vsubq_n_s32(vldrbq_z_s32(right, lanes), p->right_zero_point);
    const int32x4_t high = vqrdmulhq_n_s32(vmulq_s32(a, b), p->output_multiplier);
    /* halves away from zero: mve/rescale.h */
    const int32x4_t scaled = vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), shifts);
    const int32x4_t moved = vaddq_n_s32(scaled, p->output_zero_point);
    vstrbq_p_s32(output, vminq_s32(vmaxq_s32(moved, lowest), highest), lanes);
    left += LANES;
    right += LANES;
    output += LANES;
  }
}
#endif
