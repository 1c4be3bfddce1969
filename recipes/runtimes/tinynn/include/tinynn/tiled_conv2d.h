/* CONV_2D of the portable variants: the formula of ref/conv2d.c, TILE_PIXELS pixels by TILE_CHANNELS channels at a time.
 *
 * A 1×1 kernel reads the input where it is; any other kernel's values are brought together first.
 * Scratch: [TILE_PIXELS][products] int8, none for 1×1.
 */
#ifndef TINYNN_TILED_CONV2D_H
#define TINYNN_TILED_CONV2D_H

#include <string.h>

#include "tinynn/tile.h"

static inline int8_t *tinynn_copy_values(int8_t *restrict to, const int8_t *restrict from, int32_t count) {
  for (; count >= 4; count -= 4) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
    to += 4;
    from += 4;
  }
  for (; count > 0; --count) {
    *to++ = *from++;
  }
  return to;
}

static inline int8_t *tinynn_fill_values(int8_t *to, int32_t value, int32_t count) {
  for (; count > 0; --count) {
    *to++ = (int8_t)value;
  }
  return to;
}

/* The values under the kernel whose first row and column are y and x. */
static void tinynn_copy_patch(const struct tinynn_conv2d *restrict p, const int8_t *restrict image,
                              int8_t *restrict patch, int32_t y, int32_t x) {
  const int32_t channels = p->input_channels;
  const int32_t width = p->dilation_x == 1 ? p->kernel_width : 1;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky, y += p->dilation_y) {
    const int8_t *line = image + y * p->input_width * channels;
    const int is_row_inside = y >= 0 && y < p->input_height;
    for (int32_t kx = 0; kx < p->kernel_width; kx += width) {
      const int32_t from = x + kx * p->dilation_x;
      int32_t before = from < 0 ? -from : 0;
      int32_t after = from + width > p->input_width ? from + width - p->input_width : 0;
      if (!is_row_inside || before > width || after > width) {
        before = width;
        after = 0;
      }
      patch = tinynn_fill_values(patch, p->input_zero_point, before * channels);
      patch = tinynn_copy_values(patch, line + (from + before) * channels, (width - before - after) * channels);
      patch = tinynn_fill_values(patch, p->input_zero_point, after * channels);
    }
  }
}

/* Where in the input the next pixel's kernel lies. */
struct tinynn_cursor {
  const int8_t *image;
  int32_t y, x;
};

static inline void tinynn_advance(const struct tinynn_conv2d *restrict p, struct tinynn_cursor *cursor) {
  cursor->x += p->stride_x;
  if (cursor->x == p->output_width * p->stride_x - p->pad_left) {
    cursor->x = -p->pad_left;
    cursor->y += p->stride_y;
    if (cursor->y == p->output_height * p->stride_y - p->pad_top) {
      cursor->y = -p->pad_top;
      cursor->image += p->input_height * p->input_width * p->input_channels;
    }
  }
}

static inline void tinynn_tiled_conv2d(const struct tinynn_conv2d *restrict p, const int8_t *restrict input,
                                       int8_t *restrict output, int8_t *restrict patches) {
  const int32_t products = p->kernel_height * p->kernel_width * p->input_channels;
  const int is_pointwise = p->kernel_height * p->kernel_width == 1;
  const int32_t clamp[3] = {p->output_zero_point, p->lowest, p->highest};
  struct tinynn_cursor cursor = {input, -p->pad_top, -p->pad_left};
  int32_t left = p->batches * p->output_height * p->output_width;
  while (left > 0) {
    const int32_t pixels = left < TILE_PIXELS ? left : TILE_PIXELS;
    const int8_t *rows[TILE_PIXELS];
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
      if (i >= pixels) {
        rows[i] = rows[0];
        continue;
      }
      if (is_pointwise) {
        rows[i] = cursor.image + (cursor.y * p->input_width + cursor.x) * p->input_channels;
      } else {
        tinynn_copy_patch(p, cursor.image, patches + i * products, cursor.y, cursor.x);
        rows[i] = patches + i * products;
      }
      tinynn_advance(p, &cursor);
    }
    const int8_t *weights = p->weights;
    for (int32_t c = 0; c < p->output_channels; c += TILE_CHANNELS) {
      const int32_t rest = p->output_channels - c;
      const int32_t count = rest < TILE_CHANNELS ? rest : TILE_CHANNELS;
      if (pixels == TILE_PIXELS && count == TILE_CHANNELS) { /* a copy without conditions */
        tinynn_tile(weights, p->channels + c, rows, products, output + c, p->output_channels, TILE_PIXELS,
                    TILE_CHANNELS, clamp);
      } else {
        tinynn_tile(weights, p->channels + c, rows, products, output + c, p->output_channels, pixels, count, clamp);
      }
      weights += TILE_CHANNELS * products;
    }
    output += pixels * p->output_channels;
    left -= pixels;
  }
}

#endif
