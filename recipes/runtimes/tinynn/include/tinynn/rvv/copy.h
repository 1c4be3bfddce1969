/* Copies of any length, eight registers at a time. */
#ifndef TINYNN_RVV_COPY_H
#define TINYNN_RVV_COPY_H

#include <riscv_vector.h>
#include <stdint.h>

static inline int8_t *copy_values(int8_t *restrict to, const int8_t *restrict from, int32_t count) {
  size_t lanes;
  for (size_t left = (size_t)count; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(to, __riscv_vle8_v_i8m8(from, lanes), lanes);
    to += lanes;
    from += lanes;
  }
  return to;
}

static inline int8_t *fill_values(int8_t *to, int32_t value, int32_t count) {
  size_t lanes;
  for (size_t left = (size_t)count; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(to, __riscv_vmv_v_x_i8m8((int8_t)value, lanes), lanes);
    to += lanes;
  }
  return to;
}

#endif
