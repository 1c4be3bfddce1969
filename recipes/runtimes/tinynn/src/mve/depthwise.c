/* DEPTHWISE_CONV_2D with Helium, any kernel, one output channel for each: sixteen channels of a pixel at a time.
 *
 * Products of two taps fit 16 bits together, those of even and of odd channels apart; they are added to four sums of 32
 * bits: channels 0, 4, 8, 12 of the block, then those from 2, 1 and 3 on.
 * Packing: [blocks of sixteen channels][taps][16] int8, no two weights of a pair above 255 together; records in blocks as
 * in mve/rescale.h, [16] biases, multipliers and shifts in the order of the sums. Scratch: taps.h.
 */
#if defined(__ARM_FEATURE_MVE)
#include "tinynn/mve/rescale.h"
#include "tinynn/taps.h"

enum { LANES = 16, QUARTER = 4 };

/* A quarter of the channels each. */
struct sums {
  int32x4_t from0, from2, from1, from3;
};

static inline struct sums add(struct sums sums, int16x8_t even, int16x8_t odd) {
  sums.from0 = vaddq_s32(sums.from0, vmovlbq_s16(even));
  sums.from2 = vaddq_s32(sums.from2, vmovltq_s16(even));
  sums.from1 = vaddq_s32(sums.from1, vmovlbq_s16(odd));
  sums.from3 = vaddq_s32(sums.from3, vmovltq_s16(odd));
  return sums;
}

/* `channel`: the quarter's biases. */
static inline int32x4_t rescale(int32x4_t sums, const int32_t *channel) {
  return tinynn_mve_scaled(sums, vld1q_s32(channel + LANES), vld1q_s32(channel + 2 * LANES));
}

/* Every other channel. */
static inline int16x8_t outputs(const struct tinynn_depthwise *restrict p, int32x4_t low, int32x4_t high,
                                const int32_t *channel) {
  int16x8_t scaled = vqmovnbq_s32(vdupq_n_s16(0), rescale(low, channel));
  scaled = vqmovntq_s32(scaled, rescale(high, channel + QUARTER));
  scaled = vqaddq_n_s16(scaled, (int16_t)p->output_zero_point);
  return vminq_s16(vmaxq_s16(scaled, vdupq_n_s16((int16_t)p->lowest)), vdupq_n_s16((int16_t)p->highest));
}

static inline void compute_pixel(const struct tinynn_depthwise *restrict p, const int8_t *from,
                                 const int32_t *restrict offsets, const int8_t *padding, int8_t *restrict output) {
  const int32_t taps = p->kernel_height * p->kernel_width;
  const int8_t *w = p->weights;
  const int32_t *channel = (const int32_t *)p->channels;
#pragma GCC unroll 1
  for (int32_t c = 0; c < p->output_channels; c += LANES) {
    const mve_pred16_t lanes = vctp8q((uint32_t)(p->output_channels - c));
    struct sums sums = {vld1q_s32(channel), vld1q_s32(channel + QUARTER), vld1q_s32(channel + 2 * QUARTER),
                        vld1q_s32(channel + 3 * QUARTER)};
    const int32_t *tap = offsets;
#pragma GCC unroll 1
    for (int32_t pairs = taps / 2; pairs > 0; --pairs) {
      const int8x16_t first = vldrbq_z_s8(tap_at(from, tap[0], padding) + c, lanes), first_w = vldrbq_s8(w);
      const int8x16_t second = vldrbq_z_s8(tap_at(from, tap[1], padding) + c, lanes), second_w = vldrbq_s8(w + LANES);
      const int16x8_t even = vaddq_s16(vmullbq_int_s8(first, first_w), vmullbq_int_s8(second, second_w));
      const int16x8_t odd = vaddq_s16(vmulltq_int_s8(first, first_w), vmulltq_int_s8(second, second_w));
      sums = add(sums, even, odd);
      tap += 2;
      w += 2 * LANES;
    }
    if (taps % 2 != 0) {
      const int8x16_t last = vldrbq_z_s8(tap_at(from, *tap, padding) + c, lanes), last_w = vldrbq_s8(w);
      sums = add(sums, vmullbq_int_s8(last, last_w), vmulltq_int_s8(last, last_w));
      w += LANES;
    }
    const int16x8_t even = outputs(p, sums.from0, sums.from2, channel);
    const int16x8_t odd = outputs(p, sums.from1, sums.from3, channel + 2 * QUARTER);
    vstrbq_p_s8(output + c, vmovntq_s16(vmovnbq_s16(vdupq_n_s8(0), even), odd), lanes);
    channel += 3 * LANES;
  }
}

void tinynn_depthwise_mve(const struct tinynn_depthwise *restrict p, const int8_t *restrict input,
                          int8_t *restrict output, void *restrict scratch) {
  depthwise_by_pixels(p, input, output, scratch);
}
#endif
