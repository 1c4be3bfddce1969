/* DEPTHWISE_CONV_2D with Helium, any kernel, one output channel for each: eight channels of a pixel at a time, sums of
 * even and odd channels apart.
 *
 * Packing: as in depthwise3x3.c. Scratch: taps.h.
 */
#if defined(__ARM_FEATURE_MVE)
#include "tinynn/mve/rescale.h"
#include "tinynn/taps.h"

enum { LANES = 8 };

static inline int32x4_t rescale(int32x4_t sums, const int32_t *channel) {
  const int32x4_t high = vqrdmulhq_s32(sums, vld1q_s32(channel + LANES));
  return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), vld1q_s32(channel + 2 * LANES));
}

static inline void compute_pixel(const struct tinynn_depthwise *restrict p, const int8_t *from,
                                 const int32_t *restrict offsets, const int8_t *padding, int8_t *restrict output) {
  const int16x8_t lowest = vdupq_n_s16((int16_t)p->lowest), highest = vdupq_n_s16((int16_t)p->highest);
  const int32_t taps = p->kernel_height * p->kernel_width;
  const int8_t *w = p->weights;
  const int32_t *channel = (const int32_t *)p->channels;
#pragma GCC unroll 1
  for (int32_t c = 0; c < p->output_channels; c += LANES) {
    const mve_pred16_t lanes = vctp16q((uint32_t)(p->output_channels - c));
    int32x4_t even = vld1q_s32(channel), odd = vld1q_s32(channel + LANES / 2);
#pragma GCC unroll 1
    for (int32_t tap = 0; tap < taps; ++tap) {
      const int8_t *values = tap_at(from, offsets[tap], padding) + c;
      const int16x8_t products = vmulq_s16(vldrbq_z_s16(values, lanes), vldrbq_s16(w));
      even = vaddq_s32(even, vmovlbq_s16(products));
      odd = vaddq_s32(odd, vmovltq_s16(products));
      w += LANES;
    }
    int16x8_t scaled = vqmovnbq_s32(vdupq_n_s16(0), rescale(even, channel));
    scaled = vqmovntq_s32(scaled, rescale(odd, channel + LANES / 2));
    scaled = vqaddq_n_s16(scaled, (int16_t)p->output_zero_point);
    vstrbq_p_s16(output + c, vminq_s16(vmaxq_s16(scaled, lowest), highest), lanes);
    channel += 3 * LANES;
  }
}

void tinynn_depthwise_mve(const struct tinynn_depthwise *restrict p, const int8_t *restrict input,
                          int8_t *restrict output, void *restrict scratch) {
  depthwise_by_pixels(p, input, output, scratch);
}
#endif
