/* CONV_2D with Helium: tiles of 2 pixels by 4 channels.
 *
 * Packing: [blocks of four channels][steps][4][16] int8, a step being sixteen products; records as in mve/rescale.h.
 */
#if defined(__ARM_FEATURE_MVE)
#include "tf_mve.h"
#include "tinynn/mve/rescale.h"
#define TILE_PIXELS 2
#define TILE_CHANNELS 4
#define TILE_STEP TF_STEP
#define TILE_COPIES
#include "tinynn/tiled_conv2d.h"

/* Sums of products of both pixels; the weights' address behind the block. */
static inline const int8_t *dots(const int8_t *x0, const int8_t *x1, const int8_t *w, int32_t steps, int32x4_t sums[2]) {
  TF_TILE_SUMS();
  TF_TILE(TF_TILE_LOAD, [x0] "+&r"(x0), [x1] "+&r"(x1), [w] "+&r"(w));
  sums[0] = (int32x4_t){s00, s01, s02, s03};
  sums[1] = (int32x4_t){s10, s11, s12, s13};
  return w;
}

static inline void tile(const struct tinynn_tile *tile) {
  const struct tinynn_mve_clamp clamp = tinynn_mve_clamp(tile->output_zero_point, tile->lowest, tile->highest);
  const int32_t *channel = (const int32_t *)tile->channels;
  const int8_t *weights = tile->weights;
  int8_t *output = tile->output;
  const int32_t steps = (tile->products + TILE_STEP - 1) / TILE_STEP;
#pragma GCC unroll 1
  for (int32_t block = 0; block < tile->blocks; ++block) {
    int32x4_t sums[2];
    weights = dots(tile->x[0], tile->x[1], weights, steps, sums);
    tinynn_mve_store_two(output, tile->output_pitch, sums, channel, &clamp);
    channel += 12;
    output += TILE_CHANNELS;
  }
}

void tinynn_conv2d_mve(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                       void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
#endif
