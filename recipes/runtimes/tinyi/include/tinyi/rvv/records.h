/* Channel records of a block with RISC-V's vectors: what tinyi_factor computes, in every lane. */
#ifndef TINYI_RVV_RECORDS_H
#define TINYI_RVV_RECORDS_H

#include <riscv_vector.h>

#include "tinyi/channels.h"

/* By scalars: channels whose factor the lanes can't find, mostly those without weights. */
static __attribute__((noinline)) void tinyi_rvv_one(const struct tinyi_channels *channels, int32_t c, int32_t *to,
                                                    size_t pitch) {
  struct tinynn_channel record;
  tinyi_right_shift_records(channels, c, 1, &record);
  to[0] = record.bias;
  to[pitch] = (int32_t)((uint32_t)record.multiplier >> 1);
  to[2 * pitch] = record.shift + 1;
}

/* `count` channels from `first` on to biases, then multipliers, then right shifts, `pitch` words apart: as
 * rvv/rescale.h of tinynn reads them, the input's zero point not yet folded in. Only where tinyi_has_right_shifts. */
static inline void tinyi_rvv_records(const struct tinyi_channels *channels, int32_t first, size_t count, int32_t *to,
                                     size_t pitch) {
  const struct tinyi_quotient *quotient = &channels->quotient;
  const int32_t exponent = quotient->exponent - quotient->places - 126;
  const uint32_t half = UINT32_C(0x80000000) - (1 << 9);
  size_t lanes;
  for (size_t left = count; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e32m4(left);
    const vuint32m4_t scales = __riscv_vlse32_v_u32m4(channels->scales + first * channels->scale_step,
                                                      4 * channels->scale_step, lanes);
    /* mantissa * (first, second), the highest 64 bits */
    const vuint32m4_t mantissas =
        __riscv_vor_vx_u32m4(__riscv_vsll_vx_u32m4(scales, 8, lanes), UINT32_C(0x80000000), lanes);
    const vuint32m4_t carried = __riscv_vmulhu_vx_u32m4(mantissas, quotient->second, lanes);
    vuint32m4_t fractions = __riscv_vmul_vx_u32m4(mantissas, quotient->first, lanes);
    vuint32m4_t bits = __riscv_vmulhu_vx_u32m4(mantissas, quotient->first, lanes);
    fractions = __riscv_vadd_vv_u32m4(fractions, carried, lanes);
    bits = __riscv_vadc_vxm_u32m4(bits, 0, __riscv_vmsltu_vv_u32m4_b8(fractions, carried, lanes), lanes);
    /* 32 bits before the point, or 31 already */
    const vuint32m4_t longer = __riscv_vsrl_vx_u32m4(bits, 31, lanes);
    const vbool8_t is_long = __riscv_vmsne_vx_u32m4_b8(longer, 0, lanes);
    const vuint32m4_t moved = __riscv_vor_vv_u32m4(__riscv_vsrl_vx_u32m4(fractions, 1, lanes),
                                                   __riscv_vsll_vx_u32m4(bits, 31, lanes), lanes);
    fractions = __riscv_vmerge_vvm_u32m4(fractions, moved, is_long, lanes);
    bits = __riscv_vsrl_vv_u32m4(bits, longer, lanes);
    /* to the right: 31 - 1 at most, or negative, which is much as an unsigned number */
    vuint32m4_t shifts = __riscv_vadd_vv_u32m4(__riscv_vsrl_vx_u32m4(scales, 23, lanes), longer, lanes);
    shifts = __riscv_vrsub_vx_u32m4(shifts, (uint32_t)-exponent, lanes);
    /* see tinyi_factor */
    vbool8_t is_unsure = __riscv_vmsltu_vx_u32m4_b8(__riscv_vsub_vx_u32m4(fractions, half - 2, lanes), 3, lanes);
    is_unsure =
        __riscv_vmor_mm_b8(is_unsure, __riscv_vmsltu_vx_u32m4_b8(scales, UINT32_C(1) << 23, lanes), lanes);
    is_unsure = __riscv_vmor_mm_b8(is_unsure, __riscv_vmseq_vx_u32m4_b8(bits, 0x7fffffff, lanes), lanes);
    const vuint32m4_t below = __riscv_vsub_vx_u32m4(shifts, 1, lanes);
    is_unsure = __riscv_vmor_mm_b8(is_unsure, __riscv_vmsgtu_vx_u32m4_b8(below, 30, lanes), lanes);
    vint32m4_t biases = __riscv_vmv_v_x_i32m4(0, lanes);
    if (channels->bias != NULL) {
      biases = __riscv_vle32_v_i32m4(channels->bias + first, lanes);
    }
    bits = __riscv_vadc_vxm_u32m4(bits, 0, __riscv_vmsgtu_vx_u32m4_b8(fractions, half - 1, lanes), lanes);
    __riscv_vse32_v_i32m4(to, biases, lanes);
    __riscv_vse32_v_u32m4((uint32_t *)to + pitch, bits, lanes);
    __riscv_vse32_v_u32m4((uint32_t *)to + 2 * pitch, shifts, lanes);
    for (long lane; (lane = __riscv_vfirst_m_b8(is_unsure, lanes)) >= 0;) {
      tinyi_rvv_one(channels, first + (int32_t)lane, to + lane, pitch);
      is_unsure = __riscv_vmandn_mm_b8(is_unsure, __riscv_vmsif_m_b8(is_unsure, lanes), lanes);
    }
    first += (int32_t)lanes;
    to += lanes;
  }
}

#endif
