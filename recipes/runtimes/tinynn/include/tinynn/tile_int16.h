/* The inner loops of CONV_2D of int16 for tiled_conv2d.h, sums of 32 bits: the file that includes this defines
 * TILE_PIXELS and TILE_CHANNELS, whose product registers hold. */
#ifndef TINYNN_TILE_INT16_H
#define TINYNN_TILE_INT16_H

#define TILE_ELEMENT int16_t
#include "tinynn/narrow.h"
#include "tinynn/tiled_conv2d.h"

/* By itself, it has all registers. */
static __attribute__((noinline)) void compute_tile(const struct tinynn_tile *tile) {
  const int8_t *restrict weights = tile->weights;
  const struct tinynn_channel *channel = tile->channels;
  int16_t *output = tile->output;
  for (int32_t block = 0; block < tile->blocks; ++block) {
    int32_t sums[TILE_PIXELS][TILE_CHANNELS];
    const int16_t *x[TILE_PIXELS];
#pragma GCC unroll 4
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
      x[i] = tile->x[i];
#pragma GCC unroll 4
      for (int32_t c = 0; c < TILE_CHANNELS; ++c) {
        sums[i][c] = channel[c].bias;
      }
    }
#pragma GCC unroll 2
    for (int32_t k = 0; k < tile->products; ++k) {
#pragma GCC unroll 4
      for (int32_t i = 0; i < TILE_PIXELS; ++i) {
#pragma GCC unroll 4
        for (int32_t c = 0; c < TILE_CHANNELS; ++c) {
          sums[i][c] += *x[i] * weights[c];
        }
        ++x[i];
      }
      weights += TILE_CHANNELS;
    }
#pragma GCC unroll 4
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
#pragma GCC unroll 4
      for (int32_t c = 0; c < TILE_CHANNELS; ++c) {
        output[i * tile->output_pitch + c] = tinynn_from_narrow(sums[i][c], &channel[c], tile->lowest, tile->highest);
      }
    }
    channel += TILE_CHANNELS;
    output += TILE_CHANNELS;
  }
}

static inline void tile(const struct tinynn_tile *tile) { compute_tile(tile); }

#endif
