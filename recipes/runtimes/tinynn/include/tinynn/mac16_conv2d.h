/* CONV_2D by Xtensa's MAC16: tiles of 10 pixels, whose values are halves in scratch (mac16.h).
 *
 * The file that includes this defines MAC16_RECORD, what is known of a channel, made of its record by `record_of`, and
 * `output_of` a sum. Packing: rows filled up to fours.
 */
#ifndef TINYNN_MAC16_CONV2D_H
#define TINYNN_MAC16_CONV2D_H

#include "tinynn/mac16.h"

#define TILE_PIXELS 10
#define TILE_CHANNELS 1
#define TILE_STEP 4
#define TILE_HALVES
#include "tinynn/tiled_conv2d.h"

enum { AT_ONCE = 4 };

static inline MAC16_RECORD record_of(const struct tinynn_channel *channel, const struct tinynn_tile *tile);
static inline int32_t output_of(int32_t sum, MAC16_RECORD record, const struct tinynn_tile *tile);

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
    const int32_t count = left < AT_ONCE ? left : AT_ONCE;
    for (int32_t c = 0; c < count; ++c) {
      sums[c * tile->pixels] = channel[c].bias;
    }
    dots.channels = count;
    tinynn_dots_mac16(&dots);
    const int32_t *sum = sums;
    for (int32_t c = 0; c < count; ++c) {
      const MAC16_RECORD record = record_of(channel, tile);
      int8_t *to = output;
#pragma GCC unroll 1
      for (int32_t i = tile->pixels; i > 0; --i) {
        *to = (int8_t)output_of(*sum++ >> TINYNN_SUM_PLACES, record, tile);
        to += tile->output_pitch;
      }
      ++channel;
      ++output;
    }
    dots.weights += 4 * count * tile->fours;
  }
}

#endif
