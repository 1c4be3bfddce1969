/* The same with records as in rescale_right.h. */
#include "tinynn/fixed_point.h"
#include "tinynn/mac16_conv2d.h"
#include "tinynn/rescale_right.h"

enum { AT_ONCE = 4 };

static inline void tile(const struct tinynn_tile *tile) {
  const struct tinynn_channel *channel = tile->channels;
  int8_t *output = tile->output;
  int32_t sums[AT_ONCE * TILE_PIXELS];
  struct tinynn_dots dots = {.x = tile->halves,
                             .weights = tile->weights,
                             .fours = tile->fours,
                             .sums = sums,
                             .pixels = tile->pixels,
                             .room = tile->halves + 2 * TILE_PIXELS * tile->fours};
  for (int32_t left = tile->blocks; left > 0; left -= AT_ONCE) {
    const int32_t *sum = sums;
    dots.channels = left < AT_ONCE ? left : AT_ONCE;
    for (int32_t c = 0; c < dots.channels; ++c) {
      sums[c * tile->pixels] = channel[c].bias;
    }
    tinynn_dots_mac16(&dots);
    for (int32_t c = dots.channels; c > 0; --c) {
      const struct tinynn_right right = tinynn_right(channel, tile->output_zero_point);
      int8_t *to = output;
#pragma GCC unroll 1
      for (int32_t i = tile->pixels; i > 0; --i) {
        *to = (int8_t)tinynn_clamp(tinynn_rescale_right(*sum++ >> TINYNN_SUM_PLACES, right), tile->lowest, tile->highest);
        to += tile->output_pitch;
      }
      ++channel;
      ++output;
    }
    dots.weights += 4 * dots.channels * tile->fours;
  }
}

void tinynn_conv2d_right_mac16(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                               void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
