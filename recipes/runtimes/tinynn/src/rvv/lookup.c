/* Any function of one int8 value with RISC-V's vectors: eight registers of table entries at a time (see c/lookup.c). */
#if defined(__riscv_vector)
#include <riscv_vector.h>

#include "tinynn.h"

void tinynn_lookup_rvv(const struct tinynn_lookup *restrict p, const int8_t *input, int8_t *output) {
  size_t lanes;
  for (size_t count = (size_t)p->elements; count > 0; count -= lanes) {
    lanes = __riscv_vsetvl_e8m8(count);
    const vuint8m8_t values = __riscv_vle8_v_u8m8((const uint8_t *)input, lanes);
    const vuint8m8_t places = __riscv_vxor_vx_u8m8(values, 0x80, lanes); /* -128 … 127 to 0 … 255 */
    __riscv_vse8_v_i8m8(output, __riscv_vluxei8_v_i8m8(p->table, places, lanes), lanes);
    input += lanes;
    output += lanes;
  }
}
#endif
