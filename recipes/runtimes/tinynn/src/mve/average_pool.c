/* AVERAGE_POOL_2D with Helium: the formula of ref/average_pool.c, eight channels beside each other in sums of 16 bits,
 * which is enough for windows of up to 255 elements. Scratch: [channels] int16 sums, filled up to a multiple of 8. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/window.h"

enum { LANES = 8 };

/* One group of channels of one window; `row_bytes` from a row's end to the next one's beginning. */
static inline int16x8_t sum_window(const int8_t *values, int32_t height, int32_t width, int32_t channels,
                                   int32_t row_bytes, mve_pred16_t lanes) {
  int16x8_t sums = vdupq_n_s16(0);
  for (int32_t row = 0; row < height; ++row) {
#pragma GCC unroll 1
    for (int32_t column = 0; column < width; ++column) {
      sums = vaddq_s16(sums, vldrbq_z_s16(values, lanes));
      values += channels;
    }
    values += row_bytes;
  }
  return sums;
}

static void average_window(const struct tinynn_pool *restrict p, const int8_t *restrict image,
                           struct tinynn_window rows, struct tinynn_window columns, int16_t *restrict sums,
                           int8_t *restrict output) {
  const int32_t height = rows.end - rows.begin, width = columns.end - columns.begin, count = height * width;
  const int8_t *first = image + (rows.begin * p->input_width + columns.begin) * p->channels;
  for (int32_t c = 0; c < p->channels; c += LANES) {
    const mve_pred16_t lanes = vctp16q((uint32_t)(p->channels - c));
    vst1q_s16(sums + c, sum_window(first + c, height, width, p->channels, (p->input_width - width) * p->channels, lanes));
  }
#pragma GCC unroll 1
  for (int32_t c = 0; c < p->channels; ++c) {
    const int32_t sum = sums[c], half = sum > 0 ? count / 2 : -(count / 2);
    output[c] = (int8_t)tinynn_clamp((sum + half) / count, p->lowest, p->highest);
  }
}

void tinynn_average_pool_mve(const struct tinynn_pool *restrict p, const int8_t *restrict input,
                             int8_t *restrict output, void *restrict scratch) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      const struct tinynn_window rows = tinynn_window(y, p->stride_y, p->pad_top, p->kernel_height, p->input_height);
      for (int32_t x = 0; x < p->output_width; ++x) {
        const struct tinynn_window columns =
            tinynn_window(x, p->stride_x, p->pad_left, p->kernel_width, p->input_width);
        average_window(p, input, rows, columns, scratch, output);
        output += p->channels;
      }
    }
    input += p->input_height * p->input_width * p->channels;
  }
}
#endif
