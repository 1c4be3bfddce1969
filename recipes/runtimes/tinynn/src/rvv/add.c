/* ADD and SUB with RISC-V's vectors: the formula of ref/add.c for multipliers of 1/2 and less: no shift is positive, and
 * left_shift is 20. */
#if defined(__riscv_vector)
#include "tinynn/rvv/rescale.h"

enum { LEFT_SHIFT = 20 };

/* divide(high(x, multiplier), -shift); only where that divides, a negative number is lowered by 1 (rvv/rescale.h). */
static inline vint32m8_t rescale(vint32m8_t x, int32_t multiplier, int32_t shift, size_t lanes) {
  const vint32m8_t high = __riscv_vsmul_vx_i32m8(x, multiplier, __RISCV_VXRM_RNU, lanes);
  const vint32m8_t sign = __riscv_vsra_vx_i32m8(__riscv_vand_vx_i32m8(high, shift < 0 ? -1 : 0, lanes), 31, lanes);
  return __riscv_vssra_vx_i32m8(__riscv_vadd_vv_i32m8(high, sign, lanes), (size_t)-shift, __RISCV_VXRM_RNU, lanes);
}

static inline vint32m8_t term(const int8_t *values, int32_t zero_point, int32_t multiplier, int32_t shift,
                              size_t lanes) {
  const vint32m8_t wide = __riscv_vsext_vf4_i32m8(__riscv_vle8_v_i8m2(values, lanes), lanes);
  const vint32m8_t centred = __riscv_vsub_vx_i32m8(wide, zero_point, lanes);
  return rescale(__riscv_vsll_vx_i32m8(centred, LEFT_SHIFT, lanes), multiplier, shift, lanes);
}

static inline void combine(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                           int8_t *output, int is_sub) {
  const struct tinynn_rvv_clamp clamp = {p->output_zero_point, p->lowest, p->highest};
  size_t lanes;
  for (size_t count = (size_t)p->elements; count > 0; count -= lanes) {
    lanes = __riscv_vsetvl_e8m2(count);
    const vint32m8_t a = term(left, p->left_zero_point, p->left_multiplier, p->left_multiplier_shift, lanes);
    const vint32m8_t b = term(right, p->right_zero_point, p->right_multiplier, p->right_multiplier_shift, lanes);
    const vint32m8_t sum = is_sub ? __riscv_vsub_vv_i32m8(a, b, lanes) : __riscv_vadd_vv_i32m8(a, b, lanes);
    const vint32m8_t scaled = rescale(sum, p->output_multiplier, p->output_multiplier_shift, lanes);
    __riscv_vse8_v_i8m2(output, tinynn_rvv_clamped(scaled, clamp, lanes), lanes);
    left += lanes;
    right += lanes;
    output += lanes;
  }
}

void tinynn_add_rvv(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  combine(p, left, right, output, 0);
}

void tinynn_sub_rvv(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  combine(p, left, right, output, 1);
}
#endif
