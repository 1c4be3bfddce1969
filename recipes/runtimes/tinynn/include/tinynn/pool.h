/* AVERAGE_POOL_2D and MAX_POOL_2D window by window, four channels at a time, of which there must be four or more. The
 * file that includes this has `pool_four`. */
#ifndef TINYNN_POOL_H
#define TINYNN_POOL_H

#include "tinynn.h"
#include "tinynn/window.h"

enum { POOL_CHANNELS = 4 };

/* What lies of a window inside the input, from one channel on. */
struct pool_window {
  const int8_t *from;
  int32_t height, width;
  int32_t pixel_bytes; /* from one pixel to the next one */
  int32_t row_rest;    /* bytes from behind a row to the next one */
};

/* Four channels of one window, clamped. */
static void pool_four(const struct tinynn_pool *restrict p, const struct pool_window *restrict window,
                      int8_t *restrict output);

/* All channels; the last four may have been there before. */
static inline void pool_channels(const struct tinynn_pool *restrict p, struct pool_window window,
                                 int8_t *restrict output) {
  int32_t left = p->channels;
  while (left > 0) {
    const int32_t back = left < POOL_CHANNELS ? POOL_CHANNELS - left : 0;
    window.from -= back;
    output -= back;
    pool_four(p, &window, output);
    window.from += POOL_CHANNELS;
    output += POOL_CHANNELS;
    left -= POOL_CHANNELS - back;
  }
}

static inline void pool(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output) {
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
        pool_channels(p, window, output);
        output += p->channels;
      }
    }
    input += p->input_height * p->input_width * p->channels;
  }
}

#endif
