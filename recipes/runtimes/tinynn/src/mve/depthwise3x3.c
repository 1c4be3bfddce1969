/* DEPTHWISE_CONV_2D with Helium, 3x3 taps, one for each channel: eight channels of a pixel at a time (see rows3x3.h).
 *
 * Two products fit 16 bits together and then are added to sums of 32 bits, those of even and odd channels apart.
 * Packing: [blocks of eight channels][9][8] int8, no two weights of a pair above 255 together; records in blocks as in
 * mve/rescale.h: [4] even, [4] odd biases, multipliers and shifts alike. Scratch: three rows, [blocks][columns][8].
 */
#if defined(__ARM_FEATURE_MVE)
#include "tinynn/mve/rescale.h"
#include "tinynn/rows3x3.h"

enum { LANES = 8, PIXEL = LANES /* bytes from one column to the next */ };

static inline void copy_row(const struct tinynn_depthwise *restrict p, int8_t *to, const int8_t *from,
                            int32_t columns) {
  const int32_t inner = from == NULL ? 0 : inner_columns(p, columns);
  const int32_t before = from == NULL ? columns : p->pad_left;
  const int16x8_t padding = vdupq_n_s16((int16_t)p->input_zero_point);
  for (int32_t c = 0; c < p->input_channels; c += LANES) {
    const mve_pred16_t lanes = vctp16q((uint32_t)(p->input_channels - c));
    const int8_t *values = from + c;
    for (int32_t column = 0; column < before; ++column, to += PIXEL) {
      vstrbq_s16(to, padding);
    }
    for (int32_t column = 0; column < inner; ++column, to += PIXEL) {
      vstrbq_s16(to, vldrbq_z_s16(values, lanes));
      values += p->input_channels;
    }
    for (int32_t column = before + inner; column < columns; ++column, to += PIXEL) {
      vstrbq_s16(to, padding);
    }
  }
}

/* Sums of channels 0, 2, 4, 6 and of channels 1, 3, 5, 7. */
struct sums {
  int32x4_t even, odd;
};

static inline int16x8_t product(const int8_t *values, const int8_t *weights, int32_t row, int32_t column) {
  return vmulq_s16(vldrbq_s16(values + column * PIXEL), vldrbq_s16(weights + (row * TAPS + column) * LANES));
}

static inline void add(struct sums *sums, int16x8_t products) {
  sums->even = vaddq_s32(sums->even, vmovlbq_s16(products));
  sums->odd = vaddq_s32(sums->odd, vmovltq_s16(products));
}

static inline int32x4_t rescale(int32x4_t sums, const int32_t *channel) {
  return tinynn_mve_scaled(sums, vld1q_s32(channel + LANES), vld1q_s32(channel + 2 * LANES));
}

static inline void compute_row(const struct tinynn_depthwise *restrict p, const int8_t *const rows[TAPS],
                               int32_t columns, int8_t *output) {
  const int16x8_t lowest = vdupq_n_s16((int16_t)p->lowest), highest = vdupq_n_s16((int16_t)p->highest);
  const int8_t *w = p->weights;
  const int32_t *channel = (const int32_t *)p->channels;
  int32_t block_bytes = 0;
#pragma GCC unroll 1
  for (int32_t c = 0; c < p->output_channels; c += LANES) {
    const mve_pred16_t lanes = vctp16q((uint32_t)(p->output_channels - c));
    const int8_t *a = rows[0] + block_bytes, *b = rows[1] + block_bytes, *d = rows[2] + block_bytes;
    int8_t *out = output + c;
#pragma GCC unroll 1
    for (int32_t x = 0; x < p->output_width; ++x) {
      struct sums sums = {vld1q_s32(channel), vld1q_s32(channel + LANES / 2)};
      add(&sums, vaddq_s16(product(a, w, 0, 0), product(a, w, 0, 1)));
      add(&sums, vaddq_s16(product(a, w, 0, 2), product(b, w, 1, 0)));
      add(&sums, vaddq_s16(product(b, w, 1, 1), product(b, w, 1, 2)));
      add(&sums, vaddq_s16(product(d, w, 2, 0), product(d, w, 2, 1)));
      add(&sums, product(d, w, 2, 2));
      int16x8_t scaled = vqmovnbq_s32(vdupq_n_s16(0), rescale(sums.even, channel));
      scaled = vqmovntq_s32(scaled, rescale(sums.odd, channel + LANES / 2));
      scaled = vqaddq_n_s16(scaled, (int16_t)p->output_zero_point);
      vstrbq_p_s16(out, vminq_s16(vmaxq_s16(scaled, lowest), highest), lanes);
      a += p->stride_x * PIXEL;
      b += p->stride_x * PIXEL;
      d += p->stride_x * PIXEL;
      out += p->output_channels;
    }
    w += TAPS * TAPS * LANES;
    channel += 3 * LANES;
    block_bytes += columns * PIXEL;
  }
}

void tinynn_depthwise3x3_mve(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                             void *restrict scratch) {
  rows3x3(p, input, output, scratch, LANES);
}
#endif
