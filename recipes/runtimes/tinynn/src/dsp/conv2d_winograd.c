/* CONV_2D, int8, 3×3 taps, stride 1: the formula of ref/conv2d.c by Winograd's F(2×2, 3×3), in integers.
 *
 * A tile of 2×2 outputs reads 4×4 inputs. With
 *
 *        1  0 -1  0         2  0  0         1  1  1  0
 *   B =  0  1  1  0    G =  1  1  1    A =  0  1 -1 -1
 *        0 -1  1  0         1 -1  1
 *        0  1  0 -1         0  0  2
 *
 * A ((G w Gᵀ) ∘ (B d Bᵀ)) Aᵀ, summed over channels, is exactly four times the sums of products: 16 multiplications in place
 * of 36. Nothing is rounded. Transformed inputs are 512 at most, transformed weights 1152: both have 16 bits. Sums
 * may leave 32 bits on the way, but all that is done with them is to add and subtract, and four times a tile's
 * sums have 32 bits, which layouts.py proves from the weights.
 *
 * Padding holds the input's zero point, whose products are folded into the biases as for the other kernels.
 * Three tiles are multiplied at once, as many groups of three as `groups` says are transformed at once, and weights are
 * transformed anew for each such lot, unless they lie transformed in flash.
 * Scratch: transformed inputs; sums; a pair of channels' transformed weights; where outputs go; a pixel of padding;
 * a place for outputs that don't exist, beyond the last row and column.
 */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include <string.h>

#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/winograd.h"

enum { PIXELS = 4, SUMS = TINYNN_TILES * TINYNN_TWO_OUTPUTS };

static inline tinynn_pair add(tinynn_pair a, tinynn_pair b) {
  tinynn_pair result;
  __asm__("sadd16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}

static inline tinynn_pair subtract(tinynn_pair a, tinynn_pair b) {
  tinynn_pair result;
  __asm__("ssub16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}

/* What is constant in one call. */
struct layer {
  const struct tinynn_conv2d *p;
  int32_t columns, tiles; /* of tiles, in one image */
  tinynn_pair *inputs;    /* [groups][16][input_channels / 2][3 tiles] */
  int32_t *sums;
  tinynn_pair *weights;
  int8_t **places; /* [groups][3 tiles][4 outputs] */
  const int8_t *padding;
  int8_t *aside;
};

/* One row of B times four numbers, `step` words apart. */
static inline void store_row(tinynn_pair *to, int32_t step, const tinynn_pair row[4]) {
  to[0] = subtract(row[0], row[2]);
  to[step] = add(row[1], row[2]);
  to[2 * step] = subtract(row[2], row[1]);
  to[3 * step] = subtract(row[1], row[3]);
}

static inline __attribute__((always_inline)) tinynn_pair half_of(const int8_t *four, int32_t is_odd) {
  const uint32_t bytes = tinynn_load_word(four);
  return is_odd ? tinynn_odd_bytes(bytes) : tinynn_even_bytes(bytes);
}

/* B d Bᵀ of two channels of four, from c on. */
static inline __attribute__((always_inline)) void transform_tile(tinynn_pair *to, int32_t step,
                                                                 const int8_t *const pixels[16], int32_t c,
                                                                 int32_t is_odd) {
  tinynn_pair rows[4][4];
#pragma GCC unroll 4
  for (int32_t x = 0; x < 4; ++x) {
    tinynn_pair d[4];
#pragma GCC unroll 4
    for (int32_t y = 0; y < 4; ++y) {
      d[y] = half_of(pixels[4 * y + x] + c, is_odd);
    }
    rows[0][x] = subtract(d[0], d[2]);
    rows[1][x] = add(d[1], d[2]);
    rows[2][x] = subtract(d[2], d[1]);
    rows[3][x] = subtract(d[1], d[3]);
  }
#pragma GCC unroll 4
  for (int32_t y = 0; y < 4; ++y) {
    store_row(to + 4 * y * step, step, rows[y]);
  }
}

/* Of all channels; pixels: row by row. */
static __attribute__((noinline)) void transform_input(tinynn_pair *to, const int8_t *const pixels[16], int32_t channels) {
  const int32_t step = channels / 2 * TINYNN_TILES;
#pragma GCC unroll 1
  for (int32_t c = 0; c < channels; c += 4, to += 2 * TINYNN_TILES) {
    transform_tile(to, step, pixels, c, 0);
    transform_tile(to + TINYNN_TILES, step, pixels, c, 1);
  }
}

/* G times three numbers. */
static inline void taps_of(tinynn_pair to[4], tinynn_pair a, tinynn_pair b, tinynn_pair c) {
  const tinynn_pair outer = add(a, c);
  to[0] = add(a, a);
  to[1] = add(outer, b);
  to[2] = subtract(outer, b);
  to[3] = add(c, c);
}

/* G w Gᵀ of two channels of four, of one output. */
static inline __attribute__((always_inline)) void transform_taps(tinynn_pair *to, int32_t step, const int8_t *weights,
                                                                 int32_t channels, int32_t is_odd) {
  tinynn_pair columns[3][4];
#pragma GCC unroll 3
  for (int32_t x = 0; x < 3; ++x) {
    tinynn_pair w[3];
#pragma GCC unroll 3
    for (int32_t y = 0; y < 3; ++y) {
      w[y] = half_of(weights + (3 * y + x) * channels, is_odd);
    }
    taps_of(columns[x], w[0], w[1], w[2]);
  }
#pragma GCC unroll 4
  for (int32_t y = 0; y < 4; ++y) {
    tinynn_pair row[4];
    taps_of(row, columns[0][y], columns[1][y], columns[2][y]);
#pragma GCC unroll 4
    for (int32_t x = 0; x < 4; ++x) {
      to[(4 * y + x) * step] = row[x];
    }
  }
}

/* Of all channels of one output; weights: [9][channels]. */
static __attribute__((noinline)) void transform_weights(tinynn_pair *to, const int8_t *weights, int32_t channels) {
  const int32_t step = channels / 2 * TINYNN_TWO_OUTPUTS;
#pragma GCC unroll 1
  for (int32_t c = 0; c < channels; c += 4, to += 2 * TINYNN_TWO_OUTPUTS) {
    transform_taps(to, step, weights + c, channels, 0);
    transform_taps(to + TINYNN_TWO_OUTPUTS, step, weights + c, channels, 1);
  }
}

/* Where a tile's pixels are, and where its outputs go; a tile behind the last one has no place. */
static void take_tile(const struct layer *layer, const int8_t *input, int8_t *output, int32_t tile, int32_t slot) {
  const struct tinynn_conv2d *p = layer->p;
  const int32_t top = tile / layer->columns * 2, left = tile % layer->columns * 2;
  const int8_t *pixels[16];
  int8_t **places = layer->places + slot * PIXELS;
#pragma GCC unroll 1
  for (int32_t i = 0; i < PIXELS; ++i) {
    const int32_t y = top + i / 2, x = left + i % 2;
    const int32_t is_there = tile < layer->tiles && y < p->output_height && x < p->output_width;
    places[i] = is_there ? output + (y * p->output_width + x) * p->output_pitch : layer->aside;
  }
#pragma GCC unroll 1
  for (int32_t i = 0; i < 4; ++i) {
    const int32_t y = top - p->pad_top + i;
    const int32_t is_row = (uint32_t)y < (uint32_t)p->input_height;
#pragma GCC unroll 1
    for (int32_t j = 0; j < 4; ++j) {
      const int32_t x = left - p->pad_left + j;
      const int32_t is_inside = is_row && (uint32_t)x < (uint32_t)p->input_width;
      pixels[4 * i + j] =
          is_inside ? input + (y * p->input_width + x) * p->input_channels : layer->padding;
    }
  }
  const int32_t group_words = TINYNN_PLACES * p->input_channels / 2 * TINYNN_TILES;
  transform_input(layer->inputs + slot / TINYNN_TILES * group_words + slot % TINYNN_TILES, pixels, p->input_channels);
}

/* A M Aᵀ / 4 of one tile and channel, rescaled; `sums`: SUMS words from one place to the next. */
static inline void store_outputs(const int32_t *sums, const struct tinynn_channel *channel, int32_t offset,
                                 int8_t *const *places, int32_t o) {
  int32_t upper[4], lower[4];
#pragma GCC unroll 4
  for (int32_t x = 0; x < 4; ++x) {
    const int32_t *column = sums + x * SUMS;
    const int32_t middle = column[4 * SUMS], other = column[8 * SUMS];
    upper[x] = column[0] + middle + other;
    lower[x] = middle - other - column[12 * SUMS];
  }
  int32_t four_times[PIXELS] = {
      upper[0] + upper[1] + upper[2],
      upper[1] - upper[2] - upper[3],
      lower[0] + lower[1] + lower[2],
      lower[1] - lower[2] - lower[3],
  };
#pragma GCC unroll 4
  for (int32_t i = 0; i < PIXELS; ++i) {
    const int32_t high = tinynn_high_by_factor(channel->bias + (four_times[i] >> 2), channel->multiplier);
    places[i][o] = (int8_t)tinynn_saturate_half((high + (high >> 31) + offset) >> channel->shift);
  }
}

/* All outputs of a group of tiles for a pair of channels from o on. */
static __attribute__((noinline)) void finish(const struct layer *layer, int8_t *const *places, int32_t o) {
  const int32_t *sums = layer->sums;
  for (int32_t i = 0; i < TINYNN_TWO_OUTPUTS; ++i, ++o) {
    const struct tinynn_channel channel = layer->p->channels[o];
    const int32_t offset = (2 * layer->p->output_zero_point + 1) * (INT32_C(1) << channel.shift);
#pragma GCC unroll 1
    for (int32_t tile = 0; tile < TINYNN_TILES; ++tile) {
      store_outputs(sums++, &channel, offset, places + tile * PIXELS, o);
    }
  }
}

/* Tiles whose inputs lie transformed. */
static void multiply(const struct layer *layer, int32_t groups, int32_t is_transformed) {
  const struct tinynn_conv2d *p = layer->p;
  const int32_t channels = p->input_channels, row = 9 * channels;
  const int32_t pair_words = TINYNN_PLACES * channels / 2 * TINYNN_TWO_OUTPUTS;
  const int32_t group_words = TINYNN_PLACES * channels / 2 * TINYNN_TILES;
  const int8_t *raw = p->weights;
  const tinynn_pair *weights = is_transformed ? (const tinynn_pair *)(const void *)raw : layer->weights;
  for (int32_t o = 0; o < p->output_channels; o += TINYNN_TWO_OUTPUTS) {
    if (!is_transformed) {
      transform_weights(layer->weights, raw, channels);
      transform_weights(layer->weights + 1, raw + row, channels);
      raw += TINYNN_TWO_OUTPUTS * row;
    }
    for (int32_t i = 0; i < groups; ++i) {
      tinynn_winograd_dsp(layer->sums, layer->inputs + i * group_words, weights, channels / 8);
      finish(layer, layer->places + i * TINYNN_TILES * PIXELS, o);
    }
    weights += is_transformed ? pair_words : 0;
  }
}

static void clamp_outputs(const struct tinynn_conv2d *p, int8_t *output) {
  const int32_t pixels = p->batches * p->output_height * p->output_width;
  for (int32_t i = 0; i < pixels; ++i, output += p->output_pitch) {
    tinynn_clamp_dsp(output, p->output_channels, p->lowest, p->highest);
  }
}

void tinynn_conv2d_winograd_dsp(const struct tinynn_conv2d_winograd *restrict winograd, const int8_t *restrict input,
                                int8_t *restrict output, void *restrict scratch) {
  const struct tinynn_conv2d *p = &winograd->conv2d;
  const int32_t channels = p->input_channels, held = winograd->groups;
  const int32_t columns = (p->output_width + 1) / 2, tiles = (p->output_height + 1) / 2 * columns;
  tinynn_pair *inputs = scratch;
  int32_t *sums = (int32_t *)(inputs + held * TINYNN_PLACES * channels / 2 * TINYNN_TILES);
  tinynn_pair *weights = (tinynn_pair *)(sums + TINYNN_PLACES * SUMS);
  int8_t **places = (int8_t **)(weights + (winograd->is_transformed ? 0 : TINYNN_PLACES * channels / 2 * TINYNN_TWO_OUTPUTS));
  int8_t *padding = (int8_t *)(places + held * TINYNN_TILES * PIXELS);
  const struct layer layer = {p, columns, tiles, inputs, sums, weights, places, padding, padding + channels};
  memset(padding, p->input_zero_point, (size_t)channels);
  int8_t *to = output;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t first = 0; first < tiles;) {
      int32_t slot = 0;
      for (; slot < held * TINYNN_TILES && (first < tiles || slot % TINYNN_TILES != 0); ++slot, ++first) {
        take_tile(&layer, input, to, first, slot);
      }
      multiply(&layer, slot / TINYNN_TILES, winograd->is_transformed);
    }
    input += p->input_height * p->input_width * channels;
    to += p->output_height * p->output_width * p->output_pitch;
  }
  if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
    clamp_outputs(p, output);
  }
}

#endif
