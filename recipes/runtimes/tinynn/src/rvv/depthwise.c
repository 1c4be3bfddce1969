/* DEPTHWISE_CONV_2D with RISC-V's vectors, any kernel, one output channel for each: 32 channels of a pixel at a time.
 *
 * Packing: [blocks of 32 channels, the last one smaller][taps][channels of the block] int8; records as in rvv/rescale.h.
 * Scratch: taps.h.
 */
#if defined(__riscv_vector)
#include "tf_rvv.h"
#include "tinynn/rvv/rescale.h"
#include "tinynn/taps.h"

static inline void compute_pixel(const struct tinynn_depthwise *restrict p, const int8_t *from,
                                 const int32_t *restrict offsets, const int8_t *padding, int8_t *output) {
  const struct tinynn_rvv_clamp clamp = {p->output_zero_point, p->lowest, p->highest};
  const int32_t taps = p->kernel_height * p->kernel_width;
  const int32_t *channel = (const int32_t *)p->channels;
  const int8_t *w = p->weights;
  size_t lanes;
#pragma GCC unroll 1
  for (int32_t c = 0; c < p->output_channels; c += TF_LANES) {
    lanes = tf_vector_lanes(p->output_channels - c);
    vint32m8_t sums = __riscv_vle32_v_i32m8(channel, lanes);
#pragma GCC unroll 1
    for (int32_t tap = 0; tap < taps; ++tap) {
      const vint8m2_t values = __riscv_vle8_v_i8m2(tap_at(from, offsets[tap], padding) + c, lanes);
      const vint16m4_t products = __riscv_vwmul_vv_i16m4(values, __riscv_vle8_v_i8m2(w, lanes), lanes);
      sums = __riscv_vwadd_wv_i32m8(sums, products, lanes);
      w += lanes;
    }
    __riscv_vse8_v_i8m2(output + c, tinynn_rvv_rescale(sums, channel + lanes, clamp, lanes), lanes);
    channel += 3 * lanes;
  }
}

void tinynn_depthwise_rvv(const struct tinynn_depthwise *restrict p, const int8_t *input,
                          int8_t *output, void *restrict scratch) {
  depthwise_by_pixels(p, input, output, scratch);
}
#endif
