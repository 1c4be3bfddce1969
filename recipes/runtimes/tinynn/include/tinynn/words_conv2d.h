/* CONV_2D for Armv6-M and Armv7-M without the DSP extension: tiles of 5 pixels, whose values become words that one
 * instruction loads, product by product (words5.S). Weights are rows as the model has them.
 *
 * The file that includes this defines WORDS_RECORD, what is known of a channel, made of its record by `record_of`, and
 * `output_of` a sum.
 */
#ifndef TINYNN_WORDS_CONV2D_H
#define TINYNN_WORDS_CONV2D_H

#define TILE_PIXELS 5
#define TILE_CHANNELS 1
#define TILE_WORDS
#include "tinynn/tiled_conv2d.h"

enum { AT_ONCE = 8 };

static inline WORDS_RECORD record_of(const struct tinynn_channel *channel, const struct tinynn_tile *tile);
static inline int32_t output_of(int32_t sum, WORDS_RECORD record, const struct tinynn_tile *tile);

/* sums[c][i] = sums[c][0] + Σ x[k][i] * weights[c][k] */
void tinynn_words5_armv6m(const int32_t *x, const int8_t *weights, int32_t products, int32_t *sums, int32_t channels);

static inline void widen(int32_t *restrict to, const int8_t *restrict from, int32_t count) {
  for (; count >= 4; count -= 4) {
    to[0] = from[0];
    to[TILE_PIXELS] = from[1];
    to[2 * TILE_PIXELS] = from[2];
    to[3 * TILE_PIXELS] = from[3];
    to += 4 * TILE_PIXELS;
    from += 4;
  }
  for (; count > 0; --count) {
    *to = *from++;
    to += TILE_PIXELS;
  }
}

static inline void tile(const struct tinynn_tile *tile) {
  const int8_t *weights = tile->weights;
  const struct tinynn_channel *channel = tile->channels;
  int8_t *output = tile->output;
  for (int32_t i = 0; i < TILE_PIXELS; ++i) {
    widen(tile->words + i, tile->x[i], tile->products);
  }
  for (int32_t left = tile->blocks; left > 0; left -= AT_ONCE) {
    int32_t sums[AT_ONCE][TILE_PIXELS];
    const int32_t count = left < AT_ONCE ? left : AT_ONCE;
    for (int32_t c = 0; c < count; ++c) {
      sums[c][0] = channel[c].bias;
    }
    tinynn_words5_armv6m(tile->words, weights, tile->products, sums[0], count);
    for (int32_t c = 0; c < count; ++c) {
      const WORDS_RECORD record = record_of(channel, tile);
      int8_t *to = output;
#pragma GCC unroll 1
      for (int32_t i = 0; i < TILE_PIXELS; ++i) {
        *to = (int8_t)output_of(sums[c][i], record, tile);
        to += tile->output_pitch;
      }
      ++channel;
      ++output;
    }
    weights += count * tile->products;
  }
}

#endif
