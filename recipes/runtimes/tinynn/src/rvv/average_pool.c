/* AVERAGE_POOL_2D with RISC-V's vectors: the formula of ref/average_pool.c, neighbouring channels beside each other in
 * sums of 16 bits, which is enough for windows of up to 255 elements. */
#if defined(__riscv_vector)
#include <riscv_vector.h>

#include "tinynn.h"
#include "tinynn/window.h"

/* One group of channels of one window. */
static inline void average(const struct tinynn_pool *restrict p, const int8_t *values, int32_t height, int32_t width,
                           int8_t *output, size_t lanes) {
  const int32_t count = height * width, half = count / 2;
  vint16m4_t sums = __riscv_vmv_v_x_i16m4(0, lanes);
  for (int32_t row = 0; row < height; ++row) {
#pragma GCC unroll 1
    for (int32_t column = 0; column < width; ++column) {
      sums = __riscv_vwadd_wv_i16m4(sums, __riscv_vle8_v_i8m2(values, lanes), lanes);
      values += p->channels;
    }
    values += (p->input_width - width) * p->channels;
  }
  const vbool4_t is_positive = __riscv_vmsgt_vx_i16m4_b4(sums, 0, lanes);
  vint16m4_t halves = __riscv_vmv_v_x_i16m4((int16_t)-half, lanes);
  halves = __riscv_vmerge_vxm_i16m4(halves, (int16_t)half, is_positive, lanes);
  vint16m4_t out = __riscv_vdiv_vx_i16m4(__riscv_vadd_vv_i16m4(sums, halves, lanes), (int16_t)count, lanes);
  out = __riscv_vmax_vx_i16m4(out, (int16_t)p->lowest, lanes);
  out = __riscv_vmin_vx_i16m4(out, (int16_t)p->highest, lanes);
  __riscv_vse8_v_i8m2(output, __riscv_vncvt_x_x_w_i8m2(out, lanes), lanes);
}

void tinynn_average_pool_rvv(const struct tinynn_pool *restrict p, const int8_t *restrict input,
                             int8_t *restrict output, void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      const struct tinynn_window rows = tinynn_window(y, p->stride_y, p->pad_top, p->kernel_height, p->input_height);
      for (int32_t x = 0; x < p->output_width; ++x) {
        const struct tinynn_window columns =
            tinynn_window(x, p->stride_x, p->pad_left, p->kernel_width, p->input_width);
        const int8_t *first = input + (rows.begin * p->input_width + columns.begin) * p->channels;
        size_t lanes;
        for (size_t left = (size_t)p->channels; left > 0; left -= lanes) {
          lanes = __riscv_vsetvl_e8m2(left);
          average(p, first, rows.end - rows.begin, columns.end - columns.begin, output, lanes);
          first += lanes;
          output += lanes;
        }
      }
    }
    input += p->input_height * p->input_width * p->channels;
  }
}
#endif
