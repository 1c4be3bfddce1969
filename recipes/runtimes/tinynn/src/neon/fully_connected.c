/* FULLY_CONNECTED with Advanced SIMD: four outputs at a time, which share the loading of the inputs. Packing as in
 * neon/conv2d.c. Scratch: the inputs filled up to groups of sixteen, where they aren't a multiple of that. */
#if defined(__ARM_NEON)
#include "tinynn/neon/vectors.h"

void tinynn_fully_connected_neon(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                                 int8_t *restrict output, void *restrict scratch) {
  const struct tinynn_neon_clamp clamp = tinynn_neon_clamp(p->output_zero_point, p->lowest, p->highest);
  const int32_t steps = (p->inputs + NEON_STEP - 1) / NEON_STEP;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *x = input, *weights = p->weights;
    const int32_t *channel = (const int32_t *)p->channels;
    if (p->inputs % NEON_STEP != 0) {
      memcpy(scratch, input, (size_t)p->inputs); /* what follows there meets weights of 0 */
      x = scratch;
    }
#pragma GCC unroll 1
    for (int32_t o = 0; o < p->outputs; o += NEON_CHANNELS) {
      const int32_t left = p->outputs - o;
      int32x4_t sums;
      weights = tinynn_neon_dots(&x, 1, weights, steps, &sums);
      sums = vaddq_s32(sums, vld1q_s32(channel));
      sums = tinynn_neon_scaled(sums, vld1q_s32(channel + 4), vld1q_s32(channel + 8));
      const int32_t out = vget_lane_s32(vreinterpret_s32_s8(tinynn_neon_clamped(sums, sums, clamp)), 0);
      memcpy(output + o, &out, (size_t)(left < NEON_CHANNELS ? left : NEON_CHANNELS));
      channel += 3 * NEON_CHANNELS;
    }
    input += p->inputs;
    output += p->outputs;
  }
}
#endif
