/* MAX_POOL_2D in portable C: the formula of ref/max_pool.c, four channels of a window at a time in registers.
 * Four channels or more. */
#include "tinynn.h"
#include "tinynn/pool_four.h"

static inline int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

static __attribute__((noinline)) void pool_four(const struct tinynn_pool *restrict p,
                                                const struct pool_window *restrict window, int8_t *output) {
  const int8_t *restrict values = window->from;
  const int32_t width = window->width, pixel_bytes = window->pixel_bytes;
  int32_t most0 = p->lowest, most1 = most0, most2 = most0, most3 = most0;
#pragma GCC unroll 1
  for (int32_t row = window->height; row > 0; --row) {
#pragma GCC unroll 1
    for (int32_t column = width; column > 0; --column) {
      most0 = larger(most0, values[0]);
      most1 = larger(most1, values[1]);
      most2 = larger(most2, values[2]);
      most3 = larger(most3, values[3]);
      values += pixel_bytes;
    }
    values += window->row_rest;
  }
  const int32_t highest = p->highest;
  output[0] = (int8_t)(most0 < highest ? most0 : highest);
  output[1] = (int8_t)(most1 < highest ? most1 : highest);
  output[2] = (int8_t)(most2 < highest ? most2 : highest);
  output[3] = (int8_t)(most3 < highest ? most3 : highest);
}

void tinynn_max_pool_c(const struct tinynn_pool *restrict p, const int8_t *input, int8_t *output) {
  pool(p, input, output, NULL);
}
