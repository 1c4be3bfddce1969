/* DEPTHWISE_CONV_2D with Advanced SIMD, 3x3 taps, one for each channel: eight channels of a pixel at a time (see
 * rows3x3.h).
 *
 * Two products fit 16 bits together and then are added to sums of 32 bits.
 * Packing: [blocks of eight channels][9][8] int8, no two weights of a pair above 255 together; records as in
 * neon/vectors.h. Scratch: three rows, [blocks][columns][8].
 */
#if defined(__ARM_NEON)
#include "tinynn/neon/vectors.h"
#include "tinynn/rows3x3.h"

enum { LANES = 8, PIXEL = LANES /* bytes from one column to the next */ };

static inline int8x8_t some(const int8_t *values, size_t count) {
  int8_t lanes[LANES] = {0};
  memcpy(lanes, values, count);
  return vld1_s8(lanes);
}

static inline void copy_row(const struct tinynn_depthwise *restrict p, int8_t *to, const int8_t *from,
                            int32_t columns) {
  const int32_t inner = from == NULL ? 0 : inner_columns(p, columns);
  const int32_t before = from == NULL ? columns : p->pad_left;
  for (int32_t c = 0; c < p->input_channels; c += LANES) {
    const int32_t left = p->input_channels - c;
    const int8_t *values = from + c;
    to = tf_vector_fill(to, p->input_zero_point, before * PIXEL);
#pragma GCC unroll 1
    for (int32_t column = 0; column < inner; ++column, to += PIXEL) {
      vst1_s8(to, left < LANES ? some(values, (size_t)left) : vld1_s8(values));
      values += p->input_channels;
    }
    to = tf_vector_fill(to, p->input_zero_point, (columns - before - inner) * PIXEL);
  }
}

struct sums {
  int32x4_t low, high;
};

static inline struct sums add(struct sums sums, int16x8_t products) {
  const struct sums more = {vaddw_s16(sums.low, vget_low_s16(products)), vaddw_s16(sums.high, vget_high_s16(products))};
  return more;
}

static inline int8x8_t compute(const int8_t *const rows[TAPS], const int8x8_t weights[TAPS * TAPS],
                               const int32_t *channel, struct tinynn_neon_clamp clamp) {
  struct sums sums = {vld1q_s32(channel), vld1q_s32(channel + 4)};
  int16x8_t products;
#pragma GCC unroll 9
  for (int32_t tap = 0; tap < TAPS * TAPS; ++tap) {
    const int8x8_t values = vld1_s8(rows[tap / TAPS] + tap % TAPS * PIXEL);
    products = tap % 2 ? vmlal_s8(products, values, weights[tap]) : vmull_s8(values, weights[tap]);
    sums = tap % 2 || tap == TAPS * TAPS - 1 ? add(sums, products) : sums;
  }
  return tinynn_neon_clamped(tinynn_neon_scaled(sums.low, vld1q_s32(channel + LANES), vld1q_s32(channel + 2 * LANES)),
                             tinynn_neon_scaled(sums.high, vld1q_s32(channel + LANES + 4),
                                                vld1q_s32(channel + 2 * LANES + 4)),
                             clamp);
}

static inline void compute_row(const struct tinynn_depthwise *restrict p, const int8_t *const rows[TAPS],
                               int32_t columns, int8_t *output) {
  const struct tinynn_neon_clamp clamp = tinynn_neon_clamp(p->output_zero_point, p->lowest, p->highest);
  const int8_t *w = p->weights;
  const int32_t *channel = (const int32_t *)p->channels;
  const int8_t *at[TAPS] = {rows[0], rows[1], rows[2]};
  for (int32_t c = 0; c < p->output_channels; c += LANES) {
    const int32_t left = p->output_channels - c, step = p->stride_x * PIXEL;
    const int8_t *x[TAPS] = {at[0], at[1], at[2]};
    int8_t *out = output + c;
    int8x8_t weights[TAPS * TAPS];
#pragma GCC unroll 9
    for (int32_t tap = 0; tap < TAPS * TAPS; ++tap) {
      weights[tap] = vld1_s8(w + tap * LANES);
    }
#pragma GCC unroll 1
    for (int32_t column = 0; column < p->output_width; ++column) {
      const int8x8_t outputs = compute(x, weights, channel, clamp);
      if (left < LANES) {
        memcpy(out, &outputs, (size_t)left);
      } else {
        vst1_s8(out, outputs);
      }
      for (int32_t row = 0; row < TAPS; ++row) {
        x[row] += step;
      }
      out += p->output_channels;
    }
    for (int32_t row = 0; row < TAPS; ++row) {
      at[row] += columns * PIXEL;
    }
    w += TAPS * TAPS * LANES;
    channel += 3 * LANES;
  }
}

void tinynn_depthwise3x3_neon(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                              void *restrict scratch) {
  rows3x3(p, input, output, scratch, LANES);
}
#endif
