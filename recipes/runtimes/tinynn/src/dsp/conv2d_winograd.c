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
 * Scratch: transformed inputs; a pair of channels' transformed weights; where outputs go; a pixel of padding;
 * a place for outputs that don't exist, beyond the last row and column.
 */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include <string.h>

#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/winograd.h"

enum { PIXELS = 4 };

/* What is constant in one call. */
struct layer {
  const struct tinynn_conv2d *p;
  int32_t columns, tiles; /* of tiles, in one image */
  tinynn_pair *inputs;    /* [groups][16][input_channels / 2][3 tiles] */
  tinynn_pair *weights;
  int8_t **places; /* [groups][3 tiles][4 outputs] */
  const int8_t *padding;
  int8_t *aside;
};

/* Where a tile's pixels are, and where its outputs go; a tile behind the last one has no place. */
static __attribute__((noinline)) void take_tile(const struct layer *layer, const int8_t *input, int8_t *output,
                                                int32_t tile, int32_t slot) {
  const struct tinynn_conv2d *p = layer->p;
  const int32_t row = tile / layer->columns, top = row * 2, left = (tile - row * layer->columns) * 2;
  const int32_t channels = p->input_channels, pitch = p->output_pitch;
  const int8_t *pixels[16], **next = pixels;
  int8_t **places = layer->places + slot * PIXELS, *to = output + (top * p->output_width + left) * pitch;
  const int32_t has_first = tile < layer->tiles, has_column = left + 1 < p->output_width;
  const int32_t has_row = has_first && top + 1 < p->output_height;
  places[0] = has_first ? to : layer->aside;
  places[1] = has_first && has_column ? to + pitch : layer->aside;
  to += p->output_width * pitch;
  places[2] = has_row ? to : layer->aside;
  places[3] = has_row && has_column ? to + pitch : layer->aside;
  const int32_t y = top - p->pad_top, x = left - p->pad_left;
  const int8_t *line = input + (y * p->input_width + x) * channels;
#pragma GCC unroll 1
  for (int32_t i = 0; i < 4; ++i, next += 4, line += p->input_width * channels) {
    const int32_t columns = (uint32_t)(y + i) < (uint32_t)p->input_height ? p->input_width : 0;
#pragma GCC unroll 4
    for (int32_t j = 0; j < 4; ++j) {
      next[j] = (uint32_t)(x + j) < (uint32_t)columns ? line + j * channels : layer->padding;
    }
  }
  const int32_t group_words = TINYNN_TILE_PLACES * channels / 2 * TINYNN_TILES;
  tinynn_winograd_inputs_dsp(layer->inputs + slot / TINYNN_TILES * group_words + slot % TINYNN_TILES, pixels, channels);
}

/* Tiles whose inputs lie transformed. */
static __attribute__((noinline)) void multiply(const struct layer *layer, int32_t groups, int32_t is_transformed) {
  const struct tinynn_conv2d *p = layer->p;
  const int32_t channels = p->input_channels, row = 9 * channels;
  const int8_t *raw = p->weights;
  struct tinynn_winograd winograd = {.inputs = layer->inputs,
                                     .weights = is_transformed ? (const void *)raw : layer->weights,
                                     .channels = p->channels,
                                     .places = layer->places,
                                     .zero_twice_plus1 = 2 * p->output_zero_point + 1,
                                     .eights = channels / 8,
                                     .groups = groups};
  for (; winograd.output < p->output_channels; winograd.output += TINYNN_TWO_OUTPUTS) {
    if (!is_transformed) {
      tinynn_winograd_weights_dsp(layer->weights, raw, channels);
      tinynn_winograd_weights_dsp(layer->weights + 1, raw + row, channels);
      raw += TINYNN_TWO_OUTPUTS * row;
    }
    tinynn_winograd_dsp(&winograd);
    winograd.channels += TINYNN_TWO_OUTPUTS;
    winograd.weights += is_transformed ? TINYNN_TILE_PLACES * channels / 2 * TINYNN_TWO_OUTPUTS : 0;
  }
}

static void clamp_outputs(const struct tinynn_conv2d *p, int8_t *output) {
  const int32_t pixels = p->batches * p->output_height * p->output_width;
  for (int32_t i = 0; i < pixels; ++i, output += p->output_pitch) {
    tinynn_clamp_dsp(output, p->output_channels, p->lowest, p->highest);
  }
}

void tinynn_conv2d_winograd_dsp(const struct tinynn_conv2d_winograd *restrict winograd, const int8_t *input,
                                int8_t *output, void *restrict scratch) {
  const struct tinynn_conv2d *p = &winograd->conv2d;
  const int32_t channels = p->input_channels, held = winograd->groups;
  const int32_t columns = (p->output_width + 1) / 2, tiles = (p->output_height + 1) / 2 * columns;
  tinynn_pair *inputs = scratch;
  tinynn_pair *weights = inputs + held * TINYNN_TILE_PLACES * channels / 2 * TINYNN_TILES;
  int8_t **places = (int8_t **)(weights + (winograd->is_transformed ? 0 : TINYNN_TILE_PLACES * channels / 2 * TINYNN_TWO_OUTPUTS));
  int8_t *padding = (int8_t *)(places + held * TINYNN_TILES * PIXELS);
  const struct layer layer = {p, columns, tiles, inputs, weights, places, padding, padding + channels};
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
