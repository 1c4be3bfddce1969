/* STRIDED_SLICE, SLICE, TRANSPOSE with RISC-V's vectors: the formula of ref/gather.c, the innermost axis by loads with a
 * stride. */
#if defined(__riscv_vector)
#include <riscv_vector.h>

#include "tinynn/strided_rows.h"

static inline int8_t *copy_strided(int8_t *restrict to, const int8_t *restrict from, int32_t stride, int32_t count) {
  size_t lanes;
  for (size_t left = (size_t)count; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(to, __riscv_vlse8_v_i8m8(from, stride, lanes), lanes);
    to += lanes;
    from += (int32_t)lanes * stride;
  }
  return to;
}

void tinynn_gather_rvv(const struct tinynn_gather *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  gather_rows(p, input, output);
}
#endif
