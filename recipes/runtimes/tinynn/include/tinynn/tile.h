/* The inner loops of the portable variants of CONV_2D and FULLY_CONNECTED: TILE_PIXELS rows by TILE_CHANNELS output
 * channels in registers. The file that includes this defines both.
 *
 * Weights: [blocks of TILE_CHANNELS channels][products][TILE_CHANNELS] int8; records as in rescale_right.h.
 */
#ifndef TINYNN_TILE_H
#define TINYNN_TILE_H

#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/rescale_right.h"

/* One product for each sum. */
static inline void tinynn_tile_step(int32_t sums[TILE_PIXELS][TILE_CHANNELS], const int8_t *const x[TILE_PIXELS],
                                    const int8_t *restrict weights, int32_t product) {
  int32_t values[TILE_PIXELS];
#pragma GCC unroll 8
  for (int32_t i = 0; i < TILE_PIXELS; ++i) {
    values[i] = x[i][product];
  }
#pragma GCC unroll 8
  for (int32_t c = 0; c < TILE_CHANNELS; ++c) {
    const int32_t weight = weights[product * TILE_CHANNELS + c];
#pragma GCC unroll 8
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
      sums[i][c] += values[i] * weight;
    }
  }
}

/* `count` ≤ TILE_CHANNELS output channels of `pixels` ≤ TILE_PIXELS rows; output pixels are `pitch` bytes apart. All
 * TILE_PIXELS pointers of `x` are read from. */
static inline void tinynn_tile(const int8_t *restrict weights, const struct tinynn_channel *restrict channels,
                               const int8_t *const x[TILE_PIXELS], int32_t products, int8_t *output, int32_t pitch,
                               int32_t pixels, int32_t count, const int32_t clamp[3]) {
  int32_t sums[TILE_PIXELS][TILE_CHANNELS];
#pragma GCC unroll 8
  for (int32_t c = 0; c < TILE_CHANNELS; ++c) {
#pragma GCC unroll 8
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
      sums[i][c] = channels[c].bias;
    }
  }
  const int8_t *rows[TILE_PIXELS];
#pragma GCC unroll 8
  for (int32_t i = 0; i < TILE_PIXELS; ++i) {
    rows[i] = x[i];
  }
  for (; products >= 4; products -= 4) {
#pragma GCC unroll 4
    for (int32_t k = 0; k < 4; ++k) {
      tinynn_tile_step(sums, rows, weights, k);
    }
    weights += 4 * TILE_CHANNELS;
#pragma GCC unroll 8
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
      rows[i] += 4;
    }
  }
  for (int32_t k = 0; k < products; ++k) {
    tinynn_tile_step(sums, rows, weights, k);
  }
#pragma GCC unroll 8
  for (int32_t c = 0; c < TILE_CHANNELS; ++c) {
    const struct tinynn_right right = tinynn_right(&channels[c], clamp[0]);
    int8_t *to = output + c;
#pragma GCC unroll 8
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
      if (c < count && i < pixels) {
        *to = (int8_t)tinynn_clamp(tinynn_rescale_right(sums[i][c], right), clamp[1], clamp[2]);
      }
      to += pitch;
    }
  }
}

#endif
