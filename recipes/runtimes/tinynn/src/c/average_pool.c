/* AVERAGE_POOL_2D, int8: the formula of ref/average_pool.c; a window is read pixel by pixel, its sums beside each
 * other. Loops that are not to be unrolled, functions not to be inlined: that saves two kilobytes of code and costs
 * nothing.
 *
 * Scratch: [channels] int32 sums.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/window.h"

static __attribute__((noinline)) void add_row(int32_t *restrict sums, const int8_t *restrict values, int32_t channels) {
#pragma GCC unroll 1
  for (; channels >= 4; channels -= 4) {
    sums[0] += values[0];
    sums[1] += values[1];
    sums[2] += values[2];
    sums[3] += values[3];
    sums += 4;
    values += 4;
  }
#pragma GCC unroll 1
  for (; channels > 0; --channels) {
    *sums++ += *values++;
  }
}

static __attribute__((noinline)) void average_window(const struct tinynn_pool *restrict p, const int8_t *restrict image,
                           struct tinynn_window rows, struct tinynn_window columns, int32_t *restrict sums,
                           int8_t *output) {
  const int32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
#pragma GCC unroll 1
  for (int32_t c = 0; c < p->channels; ++c) {
    sums[c] = 0;
  }
  for (int32_t row = rows.begin; row < rows.end; ++row) {
    for (int32_t column = columns.begin; column < columns.end; ++column) {
      add_row(sums, image + (row * p->input_width + column) * p->channels, p->channels);
    }
  }
#pragma GCC unroll 1
  for (int32_t c = 0; c < p->channels; ++c) {
    const int32_t half = sums[c] > 0 ? count / 2 : -(count / 2);
    output[c] = (int8_t)tinynn_clamp((sums[c] + half) / count, p->lowest, p->highest);
  }
}

void tinynn_average_pool_c(const struct tinynn_pool *restrict p, const int8_t *input,
                           int8_t *output, void *restrict scratch) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      const struct tinynn_window rows =
          tinynn_window(y, p->stride_y, p->pad_top, p->kernel_height, p->input_height);
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
