/* Accumulators to int8 outputs, a vector at a time: the formula of fixed_point.h where every scale is below 1/2.
 *
 * VSMUL and VSSRA round halves up in the mode RNU; a negative number is lowered by 1 before the second, which rounds
 * halves away from zero. Blocks of `lanes` channel records hold biases, then multipliers, then right shifts (1 to 31):
 * layouts.py. Vectors of int8 fill two registers, sums eight.
 */
#ifndef TINYNN_RVV_RESCALE_H
#define TINYNN_RVV_RESCALE_H

#include <riscv_vector.h>

#include "tinynn.h"

/* What is the same for a whole layer. */
struct tinynn_rvv_clamp {
  int32_t zero_point, lowest, highest;
};

static inline vint8m2_t tinynn_rvv_clamped(vint32m8_t x, struct tinynn_rvv_clamp clamp, size_t lanes) {
  x = __riscv_vadd_vx_i32m8(x, clamp.zero_point, lanes);
  x = __riscv_vmin_vx_i32m8(__riscv_vmax_vx_i32m8(x, clamp.lowest, lanes), clamp.highest, lanes);
  return __riscv_vncvt_x_x_w_i8m2(__riscv_vncvt_x_x_w_i16m4(x, lanes), lanes);
}

/* `channel`: the block's multipliers and shifts. */
static inline vint8m2_t tinynn_rvv_rescale(vint32m8_t sums, const int32_t *channel, struct tinynn_rvv_clamp clamp,
                                           size_t lanes) {
  vint32m8_t high = __riscv_vsmul_vv_i32m8(sums, __riscv_vle32_v_i32m8(channel, lanes), __RISCV_VXRM_RNU, lanes);
  high = __riscv_vadd_vv_i32m8(high, __riscv_vsra_vx_i32m8(high, 31, lanes), lanes);
  const vuint32m8_t shifts = __riscv_vle32_v_u32m8((const uint32_t *)channel + lanes, lanes);
  return tinynn_rvv_clamped(__riscv_vssra_vv_i32m8(high, shifts, __RISCV_VXRM_RNU, lanes), clamp, lanes);
}

/* The same with one scale for all. */
static inline vint8m2_t tinynn_rvv_rescale_all(vint32m8_t sums, const struct tinynn_channel *channel,
                                               struct tinynn_rvv_clamp clamp, size_t lanes) {
  vint32m8_t high = __riscv_vsmul_vx_i32m8(sums, channel->multiplier, __RISCV_VXRM_RNU, lanes);
  high = __riscv_vadd_vv_i32m8(high, __riscv_vsra_vx_i32m8(high, 31, lanes), lanes);
  high = __riscv_vssra_vx_i32m8(high, (size_t)channel->shift, __RISCV_VXRM_RNU, lanes);
  return tinynn_rvv_clamped(high, clamp, lanes);
}

#endif
