/* AVERAGE_POOL_2D with Helium: the formula of ref/average_pool.c, eight channels beside each other in sums of 16 bits,
 * which is enough for windows of up to 255 elements. Scratch: [channels] int16 sums, filled up to a multiple of 8. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/pool.h"

enum { LANES = 8 };

/* One group of channels, from the first one's value on. */
static inline int16x8_t sum_window(const struct pool_window *restrict window, const int8_t *values, mve_pred16_t lanes) {
  int16x8_t sums = vdupq_n_s16(0);
  for (int32_t row = 0; row < window->height; ++row) {
#pragma GCC unroll 1
    for (int32_t column = 0; column < window->width; ++column) {
      sums = vaddq_s16(sums, vldrbq_z_s16(values, lanes));
      values += window->pixel_bytes;
    }
    values += window->row_rest;
  }
  return sums;
}

static inline void pool_window(const struct tinynn_pool *restrict p, const struct pool_window *restrict window,
                               int8_t *restrict output, void *restrict scratch) {
  const int32_t count = window->height * window->width;
  int16_t *restrict sums = scratch;
  for (int32_t c = 0; c < p->channels; c += LANES) {
    const mve_pred16_t lanes = vctp16q((uint32_t)(p->channels - c));
    vst1q_s16(sums + c, sum_window(window, window->from + c, lanes));
  }
#pragma GCC unroll 1
  for (int32_t c = 0; c < p->channels; ++c) {
    const int32_t sum = sums[c], half = sum > 0 ? count / 2 : -(count / 2);
    output[c] = (int8_t)tinynn_clamp((sum + half) / count, p->lowest, p->highest);
  }
}

void tinynn_average_pool_mve(const struct tinynn_pool *restrict p, const int8_t *restrict input,
                             int8_t *restrict output, void *restrict scratch) {
  pool(p, input, output, scratch);
}
#endif
