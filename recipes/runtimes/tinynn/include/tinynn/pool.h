/* AVERAGE_POOL_2D and MAX_POOL_2D window by window. The file that includes this has `pool_window`. */
#ifndef TINYNN_POOL_H
#define TINYNN_POOL_H

#include <stddef.h>

#include "tinynn.h"
#include "tinynn/window.h"

/* The part of a window that is inside the input. */
struct pool_window {
  const int8_t *from;
  int32_t height, width;
  int32_t pixel_bytes; /* from one pixel to the next one */
  int32_t row_rest;    /* bytes from behind a row to the next one */
};

/* All channels of one output pixel, clamped. */
static inline void pool_window(const struct tinynn_pool *restrict p, const struct pool_window *restrict window,
                               int8_t *output, void *restrict scratch);

static inline void pool(const struct tinynn_pool *restrict p, const int8_t *input, int8_t *output,
                        void *restrict scratch) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      const struct tinynn_window rows = tinynn_window(y, p->stride_y, p->pad_top, p->kernel_height, p->input_height);
      for (int32_t x = 0; x < p->output_width; ++x) {
        const struct tinynn_window columns =
            tinynn_window(x, p->stride_x, p->pad_left, p->kernel_width, p->input_width);
        const int32_t width = columns.end - columns.begin;
        const struct pool_window window = {
            .from = input + (rows.begin * p->input_width + columns.begin) * p->channels,
            .height = rows.end - rows.begin,
            .width = width,
            .pixel_bytes = p->channels,
            .row_rest = (p->input_width - width) * p->channels,
        };
        pool_window(p, &window, output, scratch);
        output += p->channels;
      }
    }
    input += p->input_height * p->input_width * p->channels;
  }
}

#endif
