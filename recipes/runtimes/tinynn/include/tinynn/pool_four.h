/* pool.h four channels at a time, of which there must be four or more. The file that includes this has `pool_four`. */
#ifndef TINYNN_POOL_FOUR_H
#define TINYNN_POOL_FOUR_H

#include "tinynn/pool.h"

enum { POOL_CHANNELS = 4 };

/* Four channels from where the window begins. */
static void pool_four(const struct tinynn_pool *restrict p, const struct pool_window *restrict window,
                      int8_t *output);

/* The last four may have been there before. */
static inline void pool_window(const struct tinynn_pool *restrict p, const struct pool_window *restrict window,
                               int8_t *output, void *restrict scratch) {
  struct pool_window four = *window;
  int32_t left = p->channels;
  (void)scratch;
  while (left > 0) {
    const int32_t back = left < POOL_CHANNELS ? POOL_CHANNELS - left : 0;
    four.from -= back;
    output -= back;
    pool_four(p, &four, output);
    four.from += POOL_CHANNELS;
    output += POOL_CHANNELS;
    left -= POOL_CHANNELS - back;
  }
}

#endif
