/* CONV_2D in portable C: tiles of 2 pixels by 2 channels, which 13 registers hold. */
#define TILE_PIXELS 2
#define TILE_CHANNELS 2
#include "tinynn/fixed_point.h"
#include "tinynn/rescale_right.h"
#include "tinynn/tiled_conv2d.h"

static inline int8_t rescaled(const struct tinynn_tile *tile, int32_t sum, struct tinynn_right right) {
  return (int8_t)tinynn_clamp(tinynn_rescale_right(sum, right), tile->lowest, tile->highest);
}

static inline void tile(const struct tinynn_tile *tile) {
  const int8_t *restrict weights = tile->weights;
  int8_t *output = tile->output;
  const struct tinynn_channel *channel = tile->channels;
  for (int32_t block = 0; block < tile->blocks; ++block) {
    const int8_t *restrict x0 = tile->x[0];
    const int8_t *restrict x1 = tile->x[1];
    int32_t sum00 = channel[0].bias, sum10 = sum00;
    int32_t sum01 = channel[1].bias, sum11 = sum01;
#pragma GCC unroll 4
    for (int32_t k = 0; k < tile->products; ++k) {
      const int32_t weight0 = weights[2 * k], weight1 = weights[2 * k + 1];
      sum00 += x0[k] * weight0;
      sum01 += x0[k] * weight1;
      sum10 += x1[k] * weight0;
      sum11 += x1[k] * weight1;
    }
    const struct tinynn_right right0 = tinynn_right(&channel[0], tile->output_zero_point);
    const struct tinynn_right right1 = tinynn_right(&channel[1], tile->output_zero_point);
    output[0] = rescaled(tile, sum00, right0);
    output[1] = rescaled(tile, sum01, right1);
    output[tile->output_pitch] = rescaled(tile, sum10, right0);
    output[tile->output_pitch + 1] = rescaled(tile, sum11, right1);
    weights += TILE_CHANNELS * tile->products;
    channel += TILE_CHANNELS;
    output += TILE_CHANNELS;
  }
}

void tinynn_conv2d_c(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                     void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
