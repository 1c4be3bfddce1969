/* CONV_2D with Advanced SIMD: tiles of 2 pixels by 4 channels.
 *
 * Packing: [blocks of four channels][steps][4][16] int8, a step being sixteen products, of which k and k + 8 have no two
 * weights above 255 together; records as in neon/vectors.h.
 */
#if defined(__ARM_NEON)
#include "tinynn/neon/vectors.h"
#define TILE_PIXELS 2
#define TILE_CHANNELS NEON_CHANNELS
#define TILE_STEP NEON_STEP
#define TILE_COPIES
#include "tinynn/tiled_conv2d.h"

static inline void tile(const struct tinynn_tile *tile) {
  const struct tinynn_neon_clamp clamp = tinynn_neon_clamp(tile->output_zero_point, tile->lowest, tile->highest);
  const int32_t *channel = (const int32_t *)tile->channels;
  const int8_t *weights = tile->weights;
  int8_t *output = tile->output;
  const int32_t steps = (tile->products + TILE_STEP - 1) / TILE_STEP;
#pragma GCC unroll 1
  for (int32_t block = 0; block < tile->blocks; ++block) {
    int32x4_t sums[TILE_PIXELS];
    weights = tinynn_neon_dots(tile->x, TILE_PIXELS, weights, steps, sums);
    const int32x4_t bias = vld1q_s32(channel), multipliers = vld1q_s32(channel + 4), shifts = vld1q_s32(channel + 8);
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
      sums[i] = tinynn_neon_scaled(vaddq_s32(sums[i], bias), multipliers, shifts);
    }
    const int32x2_t out = vreinterpret_s32_s8(tinynn_neon_clamped(sums[0], sums[1], clamp));
    const int32_t first = vget_lane_s32(out, 0), second = vget_lane_s32(out, 1);
    __builtin_memcpy(output, &first, sizeof first);
    __builtin_memcpy(output + tile->output_pitch, &second, sizeof second);
    channel += 3 * TILE_CHANNELS;
    output += TILE_CHANNELS;
  }
}

void tinynn_conv2d_neon(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                        void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
#endif
