/* DEPTHWISE_CONV_2D of the vector variants, any kernel, one output channel for each: where the taps of a pixel lie. */
#ifndef TINYNN_TAPS_H
#define TINYNN_TAPS_H

#include <stdint.h>

#include "tinynn.h"

/* Where addresses have 32 bits, padding is a distance from the image, too; else -1. */
#if UINTPTR_MAX == UINT32_MAX
static inline int32_t offset_of_padding(const int8_t *image, const int8_t *padding) {
  return (int32_t)((uintptr_t)padding - (uintptr_t)image);
}

static inline const int8_t *tap_at(const int8_t *from, int32_t offset, const int8_t *padding) {
  (void)padding;
  return (const int8_t *)((uintptr_t)from + (uintptr_t)offset);
}
#else
static inline int32_t offset_of_padding(const int8_t *image, const int8_t *padding) {
  (void)image;
  (void)padding;
  return -1;
}

static inline const int8_t *tap_at(const int8_t *from, int32_t offset, const int8_t *padding) {
  return offset < 0 ? padding : from + offset;
}
#endif

/* Bytes from the image to the pixel under each tap of the kernel whose first row and column are y and x, `outside` for
 * those that lie there. */
static __attribute__((noinline)) void find_taps(const struct tinynn_depthwise *restrict p, int32_t y, int32_t x,
                                                int32_t outside, int32_t *restrict offsets) {
#pragma GCC unroll 1
  for (int32_t ky = 0; ky < p->kernel_height; ++ky, y += p->dilation_y) {
    const int is_row_inside = y >= 0 && y < p->input_height;
    int32_t column = x;
#pragma GCC unroll 1
    for (int32_t kx = 0; kx < p->kernel_width; ++kx, column += p->dilation_x) {
      const int is_inside = is_row_inside && column >= 0 && column < p->input_width;
      *offsets++ = is_inside ? (y * p->input_width + column) * p->input_channels : outside;
    }
  }
}

/* The same from the kernel's first pixel on, wherever it is. */
static inline void find_inner_taps(const struct tinynn_depthwise *restrict p, int32_t *restrict offsets) {
#pragma GCC unroll 1
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
#pragma GCC unroll 1
    for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
      *offsets++ = (ky * p->dilation_y * p->input_width + kx * p->dilation_x) * p->input_channels;
    }
  }
}

/* All channels of one output pixel; `padding`: a pixel of the input's zero point. */
static inline void compute_pixel(const struct tinynn_depthwise *restrict p, const int8_t *from,
                                 const int32_t *restrict offsets, const int8_t *padding, int8_t *output);

/* Scratch: two int32 for each tap; a pixel of padding. */
static inline void depthwise_by_pixels(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                                       void *restrict scratch) {
  const int32_t taps = p->kernel_height * p->kernel_width;
  int32_t *inner = scratch, *edge = inner + taps;
  int8_t *padding = (int8_t *)(edge + taps);
  const int32_t last_y = p->input_height - 1 - (p->kernel_height - 1) * p->dilation_y;
  const int32_t last_x = p->input_width - 1 - (p->kernel_width - 1) * p->dilation_x;
  for (int32_t c = 0; c < p->input_channels; ++c) {
    padding[c] = (int8_t)p->input_zero_point;
  }
  find_inner_taps(p, inner);
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t i = 0; i < p->output_height; ++i) {
      for (int32_t j = 0; j < p->output_width; ++j) {
        const int32_t y = i * p->stride_y - p->pad_top, x = j * p->stride_x - p->pad_left;
        const int is_inside = y >= 0 && y <= last_y && x >= 0 && x <= last_x;
        if (!is_inside) {
          find_taps(p, y, x, offset_of_padding(input, padding), edge);
        }
        const int8_t *from = is_inside ? input + (y * p->input_width + x) * p->input_channels : input;
        compute_pixel(p, from, is_inside ? inner : edge, padding, output);
        output += p->output_channels;
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}

#endif
