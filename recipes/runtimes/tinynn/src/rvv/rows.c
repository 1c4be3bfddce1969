/* FULLY_CONNECTED with RISC-V's vectors, weights as a model has them: the formula of ref/rows.c, row by row; the sums of 32
 * rows are then rescaled together.
 *
 * A product of a weight and an input without its zero point fits 16 bits. Where that is -128 the input is an unsigned number
 * of 8 bits; any other is subtracted as a product with the weight.
 */
#if defined(__riscv_vector)
#include "tinynn/rvv/rescale.h"

enum { BLOCK = 4 };

static inline vint16m8_t products_of(vint8m4_t x, const int8_t *w, int32_t zero_point, size_t lanes) {
  const vint8m4_t weights = __riscv_vle8_v_i8m4(w, lanes);
  if (zero_point == INT8_MIN) {
    return __riscv_vwmulsu_vv_i16m8(weights, __riscv_vreinterpret_v_i8m4_u8m4(x), lanes);
  }
  const vint16m8_t products = __riscv_vwmul_vv_i16m8(weights, x, lanes);
  return __riscv_vwmacc_vx_i16m8(products, (int8_t)-zero_point, weights, lanes);
}

/* Sums of up to four rows. */
static inline void sum_rows(const int8_t *x, const int8_t *w, int32_t inputs, int32_t zero_point, int32_t rows,
                            int32_t *sums) {
  const int8_t *w1 = rows > 1 ? w + inputs : w, *w2 = rows > 2 ? w1 + inputs : w, *w3 = rows > 3 ? w2 + inputs : w;
  vint32m1_t sum0 = __riscv_vmv_v_x_i32m1(0, 1), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  size_t lanes;
#pragma GCC unroll 1
  for (size_t left = (size_t)inputs; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m4(left);
    vint8m4_t values = __riscv_vle8_v_i8m4(x, lanes);
    if (zero_point == INT8_MIN) {
      values = __riscv_vxor_vx_i8m4(values, INT8_MIN, lanes);
    }
    sum0 = __riscv_vwredsum_vs_i16m8_i32m1(products_of(values, w, zero_point, lanes), sum0, lanes);
    sum1 = __riscv_vwredsum_vs_i16m8_i32m1(products_of(values, w1, zero_point, lanes), sum1, lanes);
    sum2 = __riscv_vwredsum_vs_i16m8_i32m1(products_of(values, w2, zero_point, lanes), sum2, lanes);
    sum3 = __riscv_vwredsum_vs_i16m8_i32m1(products_of(values, w3, zero_point, lanes), sum3, lanes);
    x += lanes;
    w += lanes;
    w1 += lanes;
    w2 += lanes;
    w3 += lanes;
  }
  sums[0] = __riscv_vmv_x_s_i32m1_i32(sum0);
  sums[1] = __riscv_vmv_x_s_i32m1_i32(sum1);
  sums[2] = __riscv_vmv_x_s_i32m1_i32(sum2);
  sums[3] = __riscv_vmv_x_s_i32m1_i32(sum3);
}

static inline vint8m2_t rescale(const struct tinynn_rows *restrict p, int32_t o, vint32m8_t sums,
                                struct tinynn_rvv_clamp clamp, size_t lanes) {
  if (!p->is_per_channel) {
    const struct tinynn_channel all = {0, p->channels->multiplier, -p->channels->shift};
    return tinynn_rvv_rescale_all(sums, &all, clamp, lanes);
  }
  const ptrdiff_t pitch = sizeof(struct tinynn_channel);
  const vint32m8_t multipliers = __riscv_vlse32_v_i32m8(&p->channels[o].multiplier, pitch, lanes);
  vint32m8_t high = __riscv_vsmul_vv_i32m8(sums, multipliers, __RISCV_VXRM_RNU, lanes);
  high = __riscv_vadd_vv_i32m8(high, __riscv_vsra_vx_i32m8(high, 31, lanes), lanes);
  const vint32m8_t shifts = __riscv_vrsub_vx_i32m8(__riscv_vlse32_v_i32m8(&p->channels[o].shift, pitch, lanes), 0, lanes);
  high = __riscv_vssra_vv_i32m8(high, __riscv_vreinterpret_v_i32m8_u32m8(shifts), __RISCV_VXRM_RNU, lanes);
  return tinynn_rvv_clamped(high, clamp, lanes);
}

/* All outputs of a row of inputs; `zero_point` is a constant where it is -128. */
static inline __attribute__((always_inline)) void multiply(const struct tinynn_rows *restrict p,
                                                           const int8_t *restrict input, int8_t *restrict output,
                                                           int32_t zero_point) {
  const struct tinynn_rvv_clamp clamp = {p->output_zero_point, p->lowest, p->highest};
  const int8_t *weights = p->weights;
  int32_t sums[TINYNN_RVV_LANES];
  for (int32_t o = 0; o < p->outputs; o += TINYNN_RVV_LANES) {
    const int32_t left = p->outputs - o, count = left < TINYNN_RVV_LANES ? left : TINYNN_RVV_LANES;
    const size_t lanes = (size_t)count;
    for (int32_t i = 0; i < count; i += BLOCK) {
      sum_rows(input, weights, p->inputs, zero_point, count - i, sums + i);
      weights += BLOCK * p->inputs;
    }
    vint32m8_t wide = __riscv_vle32_v_i32m8(sums, lanes);
    if (p->bias != NULL) {
      wide = __riscv_vadd_vv_i32m8(wide, __riscv_vle32_v_i32m8(p->bias + o, lanes), lanes);
    }
    __riscv_vse8_v_i8m2(output + o, rescale(p, o, wide, clamp, lanes), lanes);
  }
}

void tinynn_rows_rvv(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                     void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    if (p->input_zero_point == INT8_MIN) {
      multiply(p, input, output, INT8_MIN);
    } else {
      multiply(p, input, output, p->input_zero_point);
    }
    input += p->inputs;
    output += p->outputs;
  }
}
#endif
