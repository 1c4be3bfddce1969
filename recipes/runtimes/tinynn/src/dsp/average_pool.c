/* AVERAGE_POOL_2D: the formula of ref/average_pool.c, four channels of a window at a time, in sums of 16 bits, which is
 * enough for windows of up to 255 elements. Four channels or more. */
#include "tinynn.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/fixed_point.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/pool_four.h"

static inline int8_t average(const struct tinynn_pool *restrict p, int32_t sum, int32_t count) {
  const int32_t half = sum > 0 ? count / 2 : -(count / 2);
  return (int8_t)tinynn_clamp((sum + half) / count, p->lowest, p->highest);
}

static __attribute__((noinline)) void pool_four(const struct tinynn_pool *restrict p,
                                                const struct pool_window *restrict window, int8_t *output) {
  const int8_t *restrict values = window->from;
  const int32_t width = window->width, pixel_bytes = window->pixel_bytes;
  const int32_t count = window->height * window->width;
  tinynn_pair even = 0, odd = 0;
#pragma GCC unroll 1
  for (int32_t row = window->height; row > 0; --row) {
#pragma GCC unroll 1
    for (int32_t column = width; column > 0; --column) {
      const uint32_t word = tinynn_load_word(values);
      even = tinynn_add_even_bytes(even, word);
      odd = tinynn_add_odd_bytes(odd, word);
      values += pixel_bytes;
    }
    values += window->row_rest;
  }
  output[0] = average(p, (int16_t)even, count);
  output[1] = average(p, (int16_t)odd, count);
  output[2] = average(p, (int32_t)even >> 16, count);
  output[3] = average(p, (int32_t)odd >> 16, count);
}

void tinynn_average_pool_dsp(const struct tinynn_pool *restrict p, const int8_t *input,
                             int8_t *output) {
  pool(p, input, output, NULL);
}

#endif
