/* ADD and SUB with Helium: the formula of ref/add.c, four elements at a time, for multipliers of 1/2 and less: no shift
 * is positive, and left_shift is 20. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinynn.h"

enum { LANES = 4, LEFT_SHIFT = 20 };

/* divide(high(x, multiplier), -shift); only where that divides, a negative number is lowered by 1 (mve/rescale.h). */
static inline int32x4_t rescale(int32x4_t x, int32_t multiplier, int32x4_t shifts) {
  const int32x4_t high = vqrdmulhq_n_s32(x, multiplier);
  return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(vandq_s32(high, shifts), 31)), shifts);
}

static inline int32x4_t term(const int8_t *values, mve_pred16_t lanes, int32_t zero_point, int32_t multiplier,
                             int32x4_t shifts) {
  const int32x4_t shifted = vshlq_n_s32(vsubq_n_s32(vldrbq_z_s32(values, lanes), zero_point), LEFT_SHIFT);
  return rescale(shifted, multiplier, shifts);
}

static inline void combine(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                           int8_t *output, int is_sub) {
  const int32x4_t left_shifts = vdupq_n_s32(p->left_multiplier_shift);
  const int32x4_t right_shifts = vdupq_n_s32(p->right_multiplier_shift);
  const int32x4_t output_shifts = vdupq_n_s32(p->output_multiplier_shift);
  const int32x4_t lowest = vdupq_n_s32(p->lowest), highest = vdupq_n_s32(p->highest);
  for (int32_t count = p->elements; count > 0; count -= LANES) {
    const mve_pred16_t lanes = vctp32q((uint32_t)count);
    const int32x4_t a = term(left, lanes, p->left_zero_point, p->left_multiplier, left_shifts);
    const int32x4_t b = term(right, lanes, p->right_zero_point, p->right_multiplier, right_shifts);
    const int32x4_t sum = is_sub ? vsubq_s32(a, b) : vaddq_s32(a, b);
    const int32x4_t scaled = vaddq_n_s32(rescale(sum, p->output_multiplier, output_shifts), p->output_zero_point);
    vstrbq_p_s32(output, vminq_s32(vmaxq_s32(scaled, lowest), highest), lanes);
    left += LANES;
    right += LANES;
    output += LANES;
  }
}

void tinynn_add_mve(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  combine(p, left, right, output, 0);
}

void tinynn_sub_mve(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  combine(p, left, right, output, 1);
}
#endif
