/* DEPTHWISE_CONV_2D with RISC-V's vectors, 3x3 taps, one for each channel (see rows3x3.h): 32 channels of a pixel at a
 * time; with stride 1 and fewer channels, those of as many neighbouring pixels as fit.
 *
 * Packing: [blocks of 32 channels, the last one smaller][9][channels of the block] int8, no two weights of a pair above
 * 255 together; records as in rvv/rescale.h. Where a block is several pixels, all of it is repeated for each.
 * Scratch: three rows, [columns][channels].
 */
#if defined(__riscv_vector)
#include <string.h>

#include "tf_rvv.h"
#include "tinynn/rows3x3.h"
#include "tinynn/rvv/rescale.h"

static inline void copy_row(const struct tinynn_depthwise *restrict p, int8_t *to, const int8_t *from,
                            int32_t columns) {
  const size_t channels = (size_t)p->input_channels;
  const size_t inner = from == NULL ? 0 : (size_t)inner_columns(p, columns) * channels;
  const size_t before = from == NULL ? (size_t)columns * channels : (size_t)p->pad_left * channels;
  const size_t after = (size_t)columns * channels - before - inner;
  memset(to, p->input_zero_point, before);
  if (inner != 0) {
    memcpy(to + before, from, inner);
  }
  memset(to + before + inner, p->input_zero_point, after);
}

/* Two taps: their weights are neighbours. */
static inline vint32m8_t add_pair(vint32m8_t sums, const int8_t *first, const int8_t *second, const int8_t *w,
                                  size_t pitch, size_t lanes) {
  vint16m4_t products = __riscv_vwmul_vv_i16m4(TF_LOAD(first), TF_LOAD(w), lanes);
  products = __riscv_vwmacc_vv_i16m4(products, TF_LOAD(second), TF_LOAD(w + pitch), lanes);
  return __riscv_vwadd_wv_i32m8(sums, products, lanes);
}

/* Neighbouring outputs; `pitch`: of the weights; `column`: bytes. */
static inline void compute(const int8_t *a, const int8_t *b, const int8_t *d, size_t column, const int8_t *w,
                           const int32_t *channel, size_t pitch, struct tinynn_rvv_clamp clamp, int8_t *output,
                           size_t lanes) {
  vint32m8_t sums = __riscv_vle32_v_i32m8(channel, lanes);
  sums = add_pair(sums, a, a + column, w, pitch, lanes);
  sums = add_pair(sums, a + 2 * column, b, w + 2 * pitch, pitch, lanes);
  sums = add_pair(sums, b + column, b + 2 * column, w + 4 * pitch, pitch, lanes);
  sums = add_pair(sums, d, d + column, w + 6 * pitch, pitch, lanes);
  const vint16m4_t last = __riscv_vwmul_vv_i16m4(TF_LOAD(d + 2 * column), TF_LOAD(w + 8 * pitch), lanes);
  sums = __riscv_vwadd_wv_i32m8(sums, last, lanes);
  vint32m8_t high = __riscv_vle32_v_i32m8(channel + pitch, lanes);
  high = __riscv_vsmul_vv_i32m8(sums, high, __RISCV_VXRM_RNU, lanes);
  high = __riscv_vadd_vv_i32m8(high, __riscv_vsra_vx_i32m8(high, 31, lanes), lanes);
  const vuint32m8_t shifts = __riscv_vle32_v_u32m8((const uint32_t *)channel + 2 * pitch, lanes);
  high = __riscv_vssra_vv_i32m8(high, shifts, __RISCV_VXRM_RNU, lanes);
  __riscv_vse8_v_i8m2(output, tinynn_rvv_clamped(high, clamp, lanes), lanes);
}

static inline void compute_row(const struct tinynn_depthwise *restrict p, const int8_t *const rows[TAPS],
                               int32_t columns, int8_t *output) {
  (void)columns;
  const struct tinynn_rvv_clamp clamp = {p->output_zero_point, p->lowest, p->highest};
  const int32_t channels = p->output_channels;
  const int32_t *channel = (const int32_t *)p->channels;
  const int8_t *w = p->weights;
  const size_t column = (size_t)channels;
  if (p->stride_x == 1 && 2 * channels <= TF_LANES) {
    const size_t pitch = (size_t)(TF_LANES / channels * channels);
    const int8_t *a = rows[0], *b = rows[1], *d = rows[2];
    size_t lanes;
    for (size_t left = (size_t)p->output_width * column; left > 0; left -= lanes) {
      lanes = left < pitch ? left : pitch;
      compute(a, b, d, column, w, channel, pitch, clamp, output, lanes);
      a += lanes;
      b += lanes;
      d += lanes;
      output += lanes;
    }
    return;
  }
  for (int32_t c = 0; c < channels; c += TF_LANES) {
    const size_t lanes = tf_vector_lanes(channels - c);
    const int8_t *a = rows[0] + c, *b = rows[1] + c, *d = rows[2] + c;
    int8_t *out = output + c;
    for (int32_t x = 0; x < p->output_width; ++x) {
      compute(a, b, d, column, w, channel, lanes, clamp, out, lanes);
      a += p->stride_x * channels;
      b += p->stride_x * channels;
      d += p->stride_x * channels;
      out += channels;
    }
    w += TAPS * TAPS * lanes;
    channel += 3 * lanes;
  }
}

void tinynn_depthwise3x3_rvv(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                             void *restrict scratch) {
  rows3x3(p, input, output, scratch, 1);
}
#endif
