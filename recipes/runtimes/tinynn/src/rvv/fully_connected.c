/* FULLY_CONNECTED with RISC-V's vectors: 32 outputs at a time; an input value is a scalar. Packing as in rvv/conv2d.c. */
#if defined(__riscv_vector)
#include "tinynn/rvv/rescale.h"

static inline vint32m8_t add_products(vint32m8_t sums, const int8_t *x, const int8_t *w, int32_t inputs, size_t lanes) {
#pragma GCC unroll 1
  for (const int8_t *end = x + inputs / 2 * 2; x != end; x += 2) {
    vint16m4_t products = __riscv_vwmul_vx_i16m4(__riscv_vle8_v_i8m2(w, lanes), x[0], lanes);
    products = __riscv_vwmacc_vx_i16m4(products, x[1], __riscv_vle8_v_i8m2(w + lanes, lanes), lanes);
    sums = __riscv_vwadd_wv_i32m8(sums, products, lanes);
    w += 2 * lanes;
  }
  if (inputs % 2 != 0) {
    sums = __riscv_vwadd_wv_i32m8(sums, __riscv_vwmul_vx_i16m4(__riscv_vle8_v_i8m2(w, lanes), *x, lanes), lanes);
  }
  return sums;
}

void tinynn_fully_connected_rvv(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                                int8_t *restrict output, void *restrict scratch) {
  (void)scratch;
  const struct tinynn_rvv_clamp clamp = {p->output_zero_point, p->lowest, p->highest};
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *w = p->weights;
    const int is_one_scale = p->biases != NULL;
    const int32_t *channel = is_one_scale ? p->biases : (const int32_t *)p->channels;
    size_t lanes;
    for (int32_t left = p->outputs; left > 0; left -= (int32_t)lanes) {
      lanes = left < TINYNN_RVV_LANES ? (size_t)left : (size_t)TINYNN_RVV_LANES;
      const vint32m8_t sums = add_products(__riscv_vle32_v_i32m8(channel, lanes), input, w, p->inputs, lanes);
      const vint8m2_t out = is_one_scale ? tinynn_rvv_rescale_all(sums, p->channels, clamp, lanes)
                                         : tinynn_rvv_rescale(sums, channel + lanes, clamp, lanes);
      __riscv_vse8_v_i8m2(output, out, lanes);
      w += (size_t)p->inputs * lanes;
      channel += is_one_scale ? lanes : 3 * lanes;
      output += lanes;
    }
    input += p->inputs;
  }
}
#endif
