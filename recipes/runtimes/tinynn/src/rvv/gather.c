/* STRIDED_SLICE, SLICE, TRANSPOSE with RISC-V's vectors: the formula of ref/gather.c, the innermost axis by loads with a
 * stride. */
#if defined(__riscv_vector)
#include <riscv_vector.h>

#include "tinynn.h"

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
  const int32_t *strides = p->strides;
  for (int32_t i = 0; i < p->shape[0]; ++i) {
    for (int32_t j = 0; j < p->shape[1]; ++j) {
      for (int32_t k = 0; k < p->shape[2]; ++k) {
        const int8_t *from = input + p->offset + i * strides[0] + j * strides[1] + k * strides[2];
        for (int32_t l = 0; l < p->shape[3]; ++l) {
          output = copy_strided(output, from, strides[4], p->shape[4]);
          from += strides[3];
        }
      }
    }
  }
}
#endif
