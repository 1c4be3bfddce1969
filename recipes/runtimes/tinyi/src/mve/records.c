/* Channel records with Helium: see tinyi/mve/records.h. */
#if defined(__ARM_FEATURE_MVE)
#include "tinyi/mve/records.h"

#include <arm_mve.h>

enum { LANES = 4 };

/* What is the same for all channels. */
struct layer {
  uint32_t first, second; /* of the quotient */
  int32_t exponent;
  uint32_t lowest, width; /* bits of scales whose shift is certainly between -31 and -1 */
};

static struct layer layer_of(const struct tinyi_quotient *quotient) {
  const int32_t exponent = quotient->exponent - quotient->places - 126;
  const int32_t from = -31 - exponent < 1 ? 1 : -31 - exponent, to = -2 - exponent > 254 ? 254 : -2 - exponent;
  const struct layer layer = {quotient->first, quotient->second, exponent, (uint32_t)from << 23,
                              to < from ? 0 : (uint32_t)(to - from + 1) << 23};
  return layer;
}

/* By scalars: channels whose factor the lanes can't find, mostly those without weights; `is_sure` has 4 bits for each.
 */
static __attribute__((noinline)) void repair(const struct tinyi_channels *channels, int32_t first, int32_t step,
                                             uint32_t is_sure, int32_t *to) {
  for (int32_t i = 0; i < LANES; ++i) {
    if ((is_sure >> 4 * i & 1) == 0) {
      struct tinynn_channel record;
      tinyi_right_shift_records(channels, first + i * step, 1, &record);
      to[i] = record.bias;
      to[LANES * step + i] = (int32_t)((uint32_t)record.multiplier >> 1);
      to[2 * LANES * step + i] = -record.shift - 1;
    }
  }
}

/* Multipliers and shifts of four scales; which of them are right. */
static inline mve_pred16_t make(const struct layer *layer, uint32x4_t scales, int32_t *multipliers, int32_t *shifts) {
  /* mantissa * (first, second), the highest 64 bits */
  const uint32x4_t mantissas = vorrq_u32(vshlq_n_u32(scales, 8), vdupq_n_u32(UINT32_C(0x80000000)));
  const uint32x4_t carried = vmulhq_u32(mantissas, vdupq_n_u32(layer->second));
  uint32x4_t fractions = vmlaq_n_u32(carried, mantissas, layer->first);
  uint32x4_t bits = vmulhq_u32(mantissas, vdupq_n_u32(layer->first));
  bits = vaddq_m_n_u32(bits, bits, 1, vcmphiq_u32(carried, fractions));
  /* 32 bits before the point, or 31 already */
  int32x4_t places = vaddq_n_s32(vreinterpretq_s32_u32(vshrq_n_u32(scales, 23)), layer->exponent);
  const mve_pred16_t is_long = vcmpltq_n_s32(vreinterpretq_s32_u32(bits), 0);
  fractions = vpselq_u32(vsliq_n_u32(vshrq_n_u32(fractions, 1), bits, 31), fractions, is_long);
  bits = vshrq_m_n_u32(bits, bits, 1, is_long);
  places = vaddq_m_n_s32(places, places, 1, is_long);
  /* see tinyi_factor */
  const uint32_t half = UINT32_C(0x80000000) - (1 << 9);
  mve_pred16_t is_sure = vcmphiq_n_u32(vsubq_n_u32(fractions, half - 2), 2);
  is_sure = vcmpneq_m_n_u32(bits, UINT32_C(0x7fffffff), is_sure);
  bits = vaddq_m_n_u32(bits, bits, 1, vcmpcsq_n_u32(fractions, half));
  vst1q_s32(multipliers, vreinterpretq_s32_u32(bits));
  vst1q_s32(shifts, places);
  return vcmphiq_m_u32(vdupq_n_u32(layer->width), vsubq_n_u32(scales, layer->lowest), is_sure);
}

void tinyi_mve_records(const struct tinyi_channels *channels, int32_t first, int32_t count, int32_t step, int32_t *to) {
  const struct layer layer = layer_of(&channels->quotient);
  const uint32x4_t at = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)step);
  const uint32x4_t scale_at = vmulq_n_u32(at, (uint32_t)channels->scale_step);
  const uint32_t *scale = channels->scales + first * channels->scale_step;
  const int32_t *bias = channels->bias == NULL ? NULL : channels->bias + first;
#pragma GCC unroll 1
  for (; count > 0; count -= LANES * step) {
    const mve_pred16_t lanes = vctp32q((uint32_t)(count + step - 1) / (uint32_t)step);
    const uint32x4_t scales = vldrwq_gather_shifted_offset_z_u32(scale, scale_at, lanes);
    const mve_pred16_t is_sure = make(&layer, scales, to + LANES * step, to + 2 * LANES * step);
    if (bias == NULL) {
      vst1q_s32(to, vdupq_n_s32(0));
    } else {
      vst1q_s32(to, vldrwq_gather_shifted_offset_z_s32(bias, at, lanes));
      bias += LANES * step;
    }
    if ((lanes & ~(uint32_t)is_sure) != 0) {
      repair(channels, first, step, is_sure | (~(uint32_t)lanes & 0xffff), to);
    }
    scale += LANES * step * channels->scale_step;
    first += LANES * step;
    to += 3 * LANES * step;
  }
}

#endif
