/* CONV_2D, int16: the formula of ref/weighted_int16.c where sums have 32 bits, three pixels at a time.
 *
 * The input values under the kernel of three pixels are brought together side by side (see matrix.h); each row of the
 * kernel is filled up to whole groups of four products, whose weights are 0.
 * Packing and scratch: backends/tinynn/scratch.py and packs.py.
 */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include <string.h>

#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/matrix.h"

enum { PIXELS = TINYNN_MATRIX_PIXELS };
/* values from which on a call of memcpy is quicker than a loop */
enum { LONG = 8 };

/* What is constant in one call. */
struct layer {
  const struct tinynn_conv2d *p;
  int32_t row;      /* values of a row of the kernel, dilation apart */
  int32_t line;     /* of the input */
  int16_t *padding; /* a row of zeros, followed by PIXELS rows to put together what lies at an edge */
};

/* Where one pixel's kernel lies in the input. */
struct place {
  const int16_t *image;
  int32_t y, x;
};

/* The place behind one in the output: next column, row or image. */
static inline void advance(const struct layer *layer, struct place *place) {
  const struct tinynn_conv2d *p = layer->p;
  place->x += p->stride_x;
  if (place->x == p->output_width * p->stride_x - p->pad_left) {
    place->x = -p->pad_left;
    place->y += p->stride_y;
    if (place->y == p->output_height * p->stride_y - p->pad_top) {
      place->y = -p->pad_top;
      place->image += p->input_height * layer->line;
    }
  }
}

/* A row of the kernel, column by column, as far as they are inside the input. */
static __attribute__((noinline)) void assemble(const struct layer *layer, const int16_t *line, int32_t x,
                                               int16_t *restrict to) {
  const struct tinynn_conv2d *p = layer->p;
  const int32_t channels = p->input_channels;
  for (int32_t kx = 0; kx < p->kernel_width; ++kx, x += p->dilation_x) {
    const int16_t *from = (uint32_t)x < (uint32_t)p->input_width ? line + x * channels : layer->padding;
    if (channels >= LONG) {
      memcpy(to, from, 2 * (size_t)channels);
      to += channels;
      continue;
    }
#pragma GCC unroll 1
    for (int32_t c = 0; c < channels; ++c) {
      *to++ = from[c];
    }
  }
}

/* Where to read a row of the kernel: the input itself, zeros, or what is put together for it. */
static inline const int16_t *row_of(const struct layer *layer, const struct place *place, int32_t ky, int32_t pixel) {
  const struct tinynn_conv2d *p = layer->p;
  const int32_t y = place->y + ky * p->dilation_y;
  if ((uint32_t)y >= (uint32_t)p->input_height) {
    return layer->padding;
  }
  const int16_t *line = place->image + y * layer->line;
  if (place->x >= 0 && place->x + p->kernel_width <= p->input_width && (p->dilation_x == 1 || p->kernel_width == 1)) {
    return line + place->x * p->input_channels;
  }
  int16_t *together = layer->padding + (1 + pixel) * layer->row;
  assemble(layer, line, place->x, together);
  return together;
}

/* Rows of the kernel of three pixels. What is behind them in the last group meets weights of 0. */
static inline tinynn_pair *interleave(tinynn_pair *to, const int16_t *const rows[PIXELS], int32_t count) {
  tinynn_pair *last = tinynn_interleave3_dsp(to, rows, count / 2);
  if (count % 2 != 0) {
    for (int32_t i = 0; i < PIXELS; ++i) {
      last[i] = (uint16_t)rows[i][count - 1];
    }
  }
  return to + (count + 3) / 4 * 2 * PIXELS;
}

static inline int is_inside(const struct tinynn_conv2d *p, const struct place *place) {
  return place->x >= 0 && place->x + p->kernel_width <= p->input_width && place->y >= 0 &&
         place->y + (p->kernel_height - 1) * p->dilation_y < p->input_height &&
         (p->dilation_x == 1 || p->kernel_width == 1);
}

static inline void gather(const struct layer *layer, const struct place places[PIXELS], tinynn_pair *to) {
  const struct tinynn_conv2d *p = layer->p;
  const int16_t *rows[PIXELS];
  if (is_inside(p, &places[0]) && is_inside(p, &places[1]) && is_inside(p, &places[2])) {
    for (int32_t i = 0; i < PIXELS; ++i) {
      rows[i] = places[i].image + places[i].y * layer->line + places[i].x * p->input_channels;
    }
    const int32_t step = p->dilation_y * layer->line;
#pragma GCC unroll 1
    for (int32_t ky = p->kernel_height; ky > 0; --ky) {
      to = interleave(to, rows, layer->row);
      rows[0] += step;
      rows[1] += step;
      rows[2] += step;
    }
    return;
  }
#pragma GCC unroll 1
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    for (int32_t i = 0; i < PIXELS; ++i) {
      rows[i] = row_of(layer, &places[i], ky, i);
    }
    to = interleave(to, rows, layer->row);
  }
}

void tinynn_conv2d_int16_dsp(const struct tinynn_conv2d *restrict p, const int16_t *input,
                             int16_t *output, void *restrict scratch) {
  const int32_t row = p->kernel_width * p->input_channels;
  const int32_t groups = p->kernel_height * ((row + 3) / 4), pairs = (p->output_channels + 1) / 2;
  tinynn_pair *patches = scratch;
  int16_t *aside = (int16_t *)(patches + 2 * PIXELS * groups);
  const struct layer layer = {p, row, p->input_width * p->input_channels, aside + PIXELS * 2 * pairs};
  if (p->kernel_height * p->kernel_width > 1) {
    memset(layer.padding, 0, 2 * (size_t)row);
  }
  struct tinynn_matrix matrix = {
      .weights = p->weights, .channels = p->channels, .x = patches, .groups = groups, .blocks = pairs};
  matrix.has_relu = p->lowest >= 0;
  const int32_t lowest = p->lowest == 0 ? INT16_MIN : p->lowest; /* what is left to do */
  const int is_narrow = lowest > INT16_MIN || p->highest < INT16_MAX;
  struct place place = {input, -p->pad_top, -p->pad_left - p->stride_x};
  int32_t left = p->batches * p->output_height * p->output_width;
  while (left > 0) {
    const int32_t count = left < PIXELS ? left : PIXELS;
    struct place places[PIXELS];
    for (int32_t i = 0; i < PIXELS; ++i) {
      if (i < count) {
        advance(&layer, &place);
      }
      places[i] = place;
    }
    gather(&layer, places, patches);
    /* three pixels of even channels are written, but the output may have fewer or odd ones */
    const int is_aside = count < PIXELS || p->output_channels % 2 != 0;
    matrix.output = (int8_t *)(is_aside ? aside : output);
    matrix.output_pitch = 2 * (is_aside ? 2 * pairs : p->output_pitch);
    tinynn_matrix3_int16_dsp(&matrix);
    for (int32_t i = 0; (is_aside || is_narrow) && i < count; ++i) {
      int16_t *made = output + i * p->output_pitch;
      if (is_aside) {
        memcpy(made, aside + i * 2 * pairs, 2 * (size_t)p->output_channels);
      }
      tinynn_clamp_int16_dsp(made, p->output_channels, lowest, p->highest);
    }
    output += count * p->output_pitch;
    left -= count;
  }
}

#endif
