/* The kernels with vectors add two products in 16 bits, which two weights of -128 could overflow; converters write
 * none. */
#ifndef TINYI_RVV_MINIMUM_H
#define TINYI_RVV_MINIMUM_H

#include <riscv_vector.h>

#include "tinyi/channels.h"

/* Whether no weight is -128. */
static int32_t tinyi_rvv_has_no_minimum(const struct tinyi_channels *channels) {
  const int8_t *weights = channels->rows.weights;
  size_t lanes;
  for (size_t left = (size_t)channels->rows.channels * (size_t)channels->rows.products; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m8(left);
    const vbool1_t is_lowest = __riscv_vmseq_vx_i8m8_b1(__riscv_vle8_v_i8m8(weights, lanes), INT8_MIN, lanes);
    if (__riscv_vfirst_m_b1(is_lowest, lanes) >= 0) {
      return 0;
    }
    weights += lanes;
  }
  return 1;
}

#endif
