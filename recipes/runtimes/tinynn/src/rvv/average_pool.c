/* AVERAGE_POOL_2D with RISC-V's vectors: the formula of ref/average_pool.c, neighbouring channels beside each other in
 * sums of 16 bits, which is enough for windows of up to 255 elements. */
#if defined(__riscv_vector)
#include <riscv_vector.h>

#include "tinynn/pool.h"

/* One group of channels, from the first one's value on. */
static inline void average(const struct tinynn_pool *restrict p, const struct pool_window *restrict window,
                           const int8_t *values, int8_t *output, size_t lanes) {
  const int32_t count = window->height * window->width, half = count / 2;
  vint16m4_t sums = __riscv_vmv_v_x_i16m4(0, lanes);
  for (int32_t row = 0; row < window->height; ++row) {
#pragma GCC unroll 1
    for (int32_t column = 0; column < window->width; ++column) {
      sums = __riscv_vwadd_wv_i16m4(sums, __riscv_vle8_v_i8m2(values, lanes), lanes);
      values += window->pixel_bytes;
    }
    values += window->row_rest;
  }
  const vbool4_t is_positive = __riscv_vmsgt_vx_i16m4_b4(sums, 0, lanes);
  vint16m4_t halves = __riscv_vmv_v_x_i16m4((int16_t)-half, lanes);
  halves = __riscv_vmerge_vxm_i16m4(halves, (int16_t)half, is_positive, lanes);
  vint16m4_t out = __riscv_vdiv_vx_i16m4(__riscv_vadd_vv_i16m4(sums, halves, lanes), (int16_t)count, lanes);
  out = __riscv_vmax_vx_i16m4(out, (int16_t)p->lowest, lanes);
  out = __riscv_vmin_vx_i16m4(out, (int16_t)p->highest, lanes);
  __riscv_vse8_v_i8m2(output, __riscv_vncvt_x_x_w_i8m2(out, lanes), lanes);
}

static inline void pool_window(const struct tinynn_pool *restrict p, const struct pool_window *restrict window,
                               int8_t *output, void *restrict scratch) {
  const int8_t *values = window->from;
  size_t lanes;
  (void)scratch;
  for (size_t left = (size_t)p->channels; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m2(left);
    average(p, window, values, output, lanes);
    values += lanes;
    output += lanes;
  }
}

void tinynn_average_pool_rvv(const struct tinynn_pool *restrict p, const int8_t *input,
                             int8_t *output, void *restrict scratch) {
  pool(p, input, output, scratch);
}
#endif
