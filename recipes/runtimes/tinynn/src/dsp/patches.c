/* The input values under the kernel of three pixels at a time, widened to 16 bits side by side: what the dsp variants of
 * CONV_2D share.
 *
 * Products are filled up to whole groups of four. Scratch: the widened values; a place aside for outputs; four rows of the kernel
 * where one can lie over an edge; the windows of three pixels where its rows are no whole words.
 */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/patches.h"
#include "tinynn/dsp/pixels.h"

/* Where one pixel's kernel lies in the input. */
struct place {
  const int8_t *image;
  int32_t y, x;
  int32_t is_in_columns; /* all of its columns inside the input, and neighbours */
};

/* What is constant in one call. */
struct layer {
  const struct tinynn_conv2d *p;
  int32_t row_bytes;  /* of the kernel in the input, dilation apart */
  int32_t line_bytes; /* of the input */
  int8_t *padding;    /* a row of it, followed by PIXELS rows to put together what lies at an edge */
  tinynn_pair zeros;  /* twice what is added to each widened value */
};

static __attribute__((noinline)) int8_t *copy_bytes(int8_t *restrict to, const int8_t *restrict from, int32_t bytes) {
  enum { WORTH_A_CALL = 12 };
  if (bytes >= WORTH_A_CALL) {
    memcpy(to, from, (size_t)bytes);
    return to + bytes;
  }
#pragma GCC unroll 1
  for (; bytes > 0; --bytes) {
    *to++ = *from++;
  }
  return to;
}

/* A row of the kernel as far as it is inside the input. */
static __attribute__((noinline)) void assemble(const struct layer *layer, const int8_t *line, int32_t x,
                                               int8_t *restrict to) {
  const struct tinynn_conv2d *p = layer->p;
  const int32_t channels = p->input_channels, width = p->kernel_width, dilation = p->dilation_x;
  const int32_t outside = x >= 0 ? 0 : (-x + dilation - 1) / dilation;
  const int32_t left = outside < width ? outside : width;
  const int32_t room = (p->input_width - x + dilation - 1) / dilation;
  const int32_t right = room < left ? left : room < width ? room : width;
  to = copy_bytes(to, layer->padding, left * channels);
  line += (x + left * dilation) * channels;
  if (dilation == 1) {
    to = copy_bytes(to, line, (right - left) * channels);
  } else {
    for (int32_t kx = left; kx < right; ++kx, line += dilation * channels) {
      to = copy_bytes(to, line, channels);
    }
  }
  copy_bytes(to, layer->padding, (width - right) * channels);
}

/* Where to read a row of the kernel: the input itself, or what is put together for it. */
static inline const int8_t *row_of(const struct layer *layer, const struct place *place, int32_t ky, int32_t pixel) {
  const struct tinynn_conv2d *p = layer->p;
  const int32_t y = place->y + ky * p->dilation_y;
  if ((uint32_t)y >= (uint32_t)p->input_height) {
    return layer->padding;
  }
  const int8_t *line = place->image + y * layer->line_bytes;
  if (place->is_in_columns) {
    return line + place->x * p->input_channels;
  }
  int8_t *together = layer->padding + (1 + pixel) * layer->row_bytes;
  assemble(layer, line, place->x, together);
  return together;
}

/* A row of 1 to 3 bytes, zeros behind them. */
static inline uint32_t few_bytes(const int8_t *row, int32_t bytes) {
  uint32_t word = (uint8_t)row[0];
#pragma GCC unroll 1
  for (int32_t i = 1; i < bytes; ++i) {
    word |= (uint32_t)(uint8_t)row[i] << (8 * i);
  }
  return word;
}

/* What doesn't fill a group of each row. */
static __attribute__((noinline)) void widen_last(const struct layer *layer, const int8_t *const rows[PIXELS],
                                                 tinynn_pair *restrict to) {
  const int32_t bytes = layer->row_bytes;
  for (int32_t i = 0; i < PIXELS; ++i) {
    const uint32_t word =
        bytes >= 4 ? tinynn_load_word(rows[i] + bytes - 4) >> (32 - 8 * (bytes & 3)) : few_bytes(rows[i], bytes);
    to[i] = tinynn_add_even_bytes(layer->zeros, word);
    to[PIXELS + i] = tinynn_add_odd_bytes(layer->zeros, word);
  }
}

/* One row of each pixel. */
static inline void widen_rows(const struct layer *layer, const int8_t *const rows[PIXELS], tinynn_pair *to) {
  to = tinynn_widen3_dsp(to, rows, layer->row_bytes / 4, layer->zeros);
  if (layer->row_bytes % 4 != 0) {
    widen_last(layer, rows, to);
  }
}

/* A row behind another one; the end. */
static inline int8_t *append(int8_t *restrict to, const int8_t *restrict row, int32_t bytes) {
  const int8_t *end = to + bytes;
  if (bytes < 4) {
    return copy_bytes(to, row, bytes);
  }
#pragma GCC unroll 1
  for (; end - to > 4; to += 4, row += 4) {
    tinynn_store_word(to, tinynn_load_word(row));
  }
  const int32_t back = 4 - (int32_t)(end - to);
  tinynn_store_word(to - back, tinynn_load_word(row - back));
  return to + 4 - back;
}

/* Rows that are no whole words: brought together first. */
static __attribute__((noinline)) void widen_windows(const struct layer *layer, const struct place places[PIXELS],
                                                    tinynn_pair *to) {
  const int32_t bytes = (layer->p->kernel_height * layer->row_bytes + 3) / 4 * 4;
  int8_t *windows[PIXELS];
#pragma GCC unroll 1
  for (int32_t i = 0; i < PIXELS; ++i) {
    windows[i] = layer->padding + (1 + PIXELS) * layer->row_bytes + i * bytes;
    int8_t *next = windows[i];
#pragma GCC unroll 1
    for (int32_t ky = 0; ky < layer->p->kernel_height; ++ky) {
      next = append(next, row_of(layer, &places[i], ky, i), layer->row_bytes);
    }
  }
  tinynn_widen3_dsp(to, (const int8_t *const *)windows, bytes / 4, layer->zeros);
}

static inline void widen_patches(const struct layer *layer, const struct place places[PIXELS], tinynn_pair *to) {
  if (layer->p->kernel_height > 1 && layer->row_bytes % 4 != 0) {
    widen_windows(layer, places, to);
    return;
  }
  for (int32_t ky = 0; ky < layer->p->kernel_height; ++ky) {
    const int8_t *rows[PIXELS];
    for (int32_t i = 0; i < PIXELS; ++i) {
      rows[i] = row_of(layer, &places[i], ky, i);
    }
    widen_rows(layer, rows, to);
    to += 2 * PIXELS * (layer->row_bytes / 4);
  }
}

/* The place behind one in the output: next column, row or image. */
static inline void advance(const struct layer *layer, struct place *place) {
  const struct tinynn_conv2d *p = layer->p;
  place->x += p->stride_x;
  if (place->x == p->output_width * p->stride_x - p->pad_left) {
    place->x = -p->pad_left;
    place->y += p->stride_y;
    if (place->y == p->output_height * p->stride_y - p->pad_top) {
      place->y = -p->pad_top;
      place->image += p->input_height * layer->line_bytes;
    }
  }
  place->is_in_columns = (p->dilation_x == 1 || p->kernel_width == 1) && place->x >= 0 &&
                         place->x + p->kernel_width <= p->input_width;
}

/* Whether each output pixel is computed from the input pixel at its place alone. */
static inline int32_t is_pointwise(const struct tinynn_conv2d *p) {
  return p->kernel_height * p->kernel_width == 1 && p->input_height == p->output_height &&
         p->input_width == p->output_width && p->stride_y == 1 && p->stride_x == 1;
}

void tinynn_convolve_dsp(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                         void *restrict scratch, tinynn_pair zeros,
                         void (*multiply)(const struct tinynn_matrix *matrix)) {
  const int32_t row_bytes = p->kernel_width * p->input_channels;
  const int32_t groups = (p->kernel_height * row_bytes + 3) / 4;
  const int32_t pairs = (p->output_channels + 1) / 2;
  tinynn_pair *wide = scratch;
  int8_t *aside = (int8_t *)(wide + 2 * PIXELS * groups);
  const struct layer layer = {p, row_bytes, p->input_width * p->input_channels, aside + PIXELS * 2 * pairs,
                              zeros};
  if (p->kernel_height * p->kernel_width > 1) {
    memset(layer.padding, p->input_zero_point, (size_t)row_bytes);
  }
  struct tinynn_matrix matrix = {.weights = p->weights,
                                 .channels = p->channels,
                                 .x = wide,
                                 .groups = groups,
                                 .blocks = pairs,
                                 .zero_twice_plus1 = 2 * p->output_zero_point + 1};

  const int32_t is_flat = is_pointwise(p);
  struct place place = {input, -p->pad_top, -p->pad_left - p->stride_x, 0};
  int32_t left = p->batches * p->output_height * p->output_width;
  if (is_flat && row_bytes % 4 == 0 && is_plain(p)) {
    matrix.output_pitch = p->output_pitch;
#pragma GCC unroll 1
    for (; left >= PIXELS; left -= PIXELS) {
      const int8_t *rows[PIXELS] = {input, input + row_bytes, input + 2 * row_bytes};
      tinynn_widen3_dsp(wide, rows, groups, zeros);
      matrix.output = output;
      multiply(&matrix);
      input += PIXELS * row_bytes;
      output += PIXELS * p->output_pitch;
    }
  }
  while (left > 0) {
    const int32_t count = left < PIXELS ? left : PIXELS;
    if (is_flat) {
      const int8_t *rows[PIXELS] = {input, count > 1 ? input + row_bytes : input,
                                    count > 2 ? input + 2 * row_bytes : input};
      widen_rows(&layer, rows, wide);
      input += PIXELS * row_bytes;
    } else {
      struct place places[PIXELS];
      for (int32_t i = 0; i < PIXELS; ++i) {
        if (i < count) {
          advance(&layer, &place);
        }
        places[i] = place;
      }
      widen_patches(&layer, places, wide);
    }
    multiply_pixels(p, &matrix, aside, count, output, multiply);
    output += count * p->output_pitch;
    left -= count;
  }
}

#endif
