/* Channel records four at a time, with Helium: what tinyi_factor computes, in every lane.
 *
 * As mve/rescale.h of tinynn reads them, the input's zero point not yet folded in. Only where tinyi_is_right.
 */
#ifndef TINYI_MVE_RECORDS_H
#define TINYI_MVE_RECORDS_H

#include <arm_mve.h>

#include "tinyi/channels.h"

struct tinyi_mve_records {
  int32x4_t biases, multipliers, shifts;
};

/* By scalars: channels whose factor the lanes can't find, mostly those without weights; `is_sure` has 4 bits for each. */
static __attribute__((noinline)) void tinyi_mve_repair(const struct tinyi_channels *channels, int32_t first,
                                                       int32_t step, uint32_t is_sure, int32_t values[3][4]) {
  for (int32_t i = 0; i < 4; ++i) {
    if ((is_sure >> 4 * i & 1) == 0) {
      struct tinynn_channel record;
      tinyi_right_records(channels, first + i * step, 1, &record);
      values[0][i] = record.bias;
      values[1][i] = (int32_t)((uint32_t)record.multiplier >> 1);
      values[2][i] = -record.shift - 1;
    }
  }
}

/* Channels first, first + step, …; `count` of them, up to four. */
static inline struct tinyi_mve_records tinyi_mve_records(const struct tinyi_channels *channels, int32_t first,
                                                         int32_t step, int32_t count) {
  const struct tinyi_quotient *quotient = &channels->quotient;
  const mve_pred16_t lanes = vctp32q((uint32_t)(count < 0 ? 0 : count));
  const uint32x4_t places = vidupq_n_u32(0, 1);
  const uint32x4_t at = vaddq_n_u32(vmulq_n_u32(places, (uint32_t)step), (uint32_t)first);
  const uint32x4_t scales =
      vldrwq_gather_shifted_offset_z_u32(channels->scales, vmulq_n_u32(at, (uint32_t)channels->scale_step), lanes);
  struct tinyi_mve_records records = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
  if (channels->bias != NULL) {
    records.biases = vldrwq_gather_shifted_offset_z_s32(channels->bias, at, lanes);
  }
  /* mantissa * (first, second), the highest 64 bits */
  const uint32x4_t mantissas = vorrq_u32(vshlq_n_u32(scales, 8), vdupq_n_u32(UINT32_C(0x80000000)));
  const uint32x4_t firsts = vdupq_n_u32(quotient->first);
  const uint32x4_t carried = vmulhq_u32(mantissas, vdupq_n_u32(quotient->second));
  uint32x4_t fractions = vaddq_u32(vmulq_u32(mantissas, firsts), carried);
  uint32x4_t bits = vmulhq_u32(mantissas, firsts);
  bits = vaddq_m_n_u32(bits, bits, 1, vcmphiq_u32(carried, fractions));
  int32x4_t shifts = vreinterpretq_s32_u32(vshrq_n_u32(scales, 23));
  shifts = vaddq_n_s32(shifts, quotient->exponent - quotient->places - 126);
  const mve_pred16_t is_long = vcmpltq_n_s32(vreinterpretq_s32_u32(bits), 0);
  fractions = vpselq_u32(vsliq_n_u32(vshrq_n_u32(fractions, 1), bits, 31), fractions, is_long);
  bits = vpselq_u32(vshrq_n_u32(bits, 1), bits, is_long);
  shifts = vaddq_m_n_s32(shifts, shifts, 1, is_long);
  /* see tinyi_factor */
  const uint32_t half = UINT32_C(0x80000000) - (1 << 9);
  records.multipliers =
      vreinterpretq_s32_u32(vaddq_m_n_u32(bits, bits, 1, vcmpcsq_n_u32(fractions, half)));
  records.shifts = shifts;
  mve_pred16_t is_sure = vcmphiq_n_u32(vsubq_n_u32(fractions, half - 2), 2);
  is_sure = vcmpcsq_m_n_u32(scales, UINT32_C(1) << 23, is_sure);
  is_sure = vcmpneq_m_n_u32(bits, UINT32_C(0x7fffffff), is_sure);
  is_sure = vcmpltq_m_n_s32(shifts, 0, is_sure);
  is_sure = vcmpgeq_m_n_s32(shifts, -31, is_sure);
  is_sure = vpnot(vpnot(is_sure) & lanes);
  if (is_sure != 0xffff) {
    int32_t values[3][4];
    vst1q_s32(values[0], records.biases);
    vst1q_s32(values[1], records.multipliers);
    vst1q_s32(values[2], records.shifts);
    tinyi_mve_repair(channels, first, step, is_sure, values);
    records.biases = vld1q_s32(values[0]);
    records.multipliers = vld1q_s32(values[1]);
    records.shifts = vld1q_s32(values[2]);
  }
  return records;
}

#endif
