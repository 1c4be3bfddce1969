/* AVERAGE_POOL_2D, MAX_POOL_2D, MEAN and SUM, int16: the formulas of average_pool.c, max_pool.c and mean.c; SUM is the
 * latter with a multiplier that is not divided by the number of elements.
 *
 * Bit for bit AveragePool, MaxPool and QuantizedMeanOrSum of TFLM (tensorflow/lite/kernels/internal/reference/:
 * integer_ops/pooling.h, reduce.h), whose sums have 32 bits.
 */
#include "tinynn.h"
#include "tinynn/axes.h"
#include "tinynn/fixed_point.h"
#include "tinynn/window.h"

/* One channel of a window. */
typedef int32_t pool_window(const int16_t *values, const struct tinynn_window *rows,
                            const struct tinynn_window *columns, int32_t row_pitch, int32_t pitch);

static inline void pool(const struct tinynn_pool *restrict p, const int16_t *restrict input, int16_t *restrict output,
                        pool_window *of_window) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      const struct tinynn_window rows = tinynn_window(y, p->stride_y, p->pad_top, p->kernel_height, p->input_height);
      for (int32_t x = 0; x < p->output_width; ++x) {
        const struct tinynn_window columns =
            tinynn_window(x, p->stride_x, p->pad_left, p->kernel_width, p->input_width);
        for (int32_t c = 0; c < p->channels; ++c) {
          const int32_t value = of_window(input + c, &rows, &columns, p->input_width * p->channels, p->channels);
          *output++ = (int16_t)tinynn_clamp(value, p->lowest, p->highest);
        }
      }
    }
    input += p->input_height * p->input_width * p->channels;
  }
}

static int32_t average(const int16_t *values, const struct tinynn_window *rows, const struct tinynn_window *columns,
                       int32_t row_pitch, int32_t pitch) {
  const int32_t count = (rows->end - rows->begin) * (columns->end - columns->begin);
  int32_t sum = 0;
  for (int32_t row = rows->begin; row < rows->end; ++row) {
    for (int32_t column = columns->begin; column < columns->end; ++column) {
      sum += values[row * row_pitch + column * pitch];
    }
  }
  return (sum + (sum > 0 ? count / 2 : -(count / 2))) / count;
}

static int32_t largest(const int16_t *values, const struct tinynn_window *rows, const struct tinynn_window *columns,
                       int32_t row_pitch, int32_t pitch) {
  int32_t found = INT16_MIN;
  for (int32_t row = rows->begin; row < rows->end; ++row) {
    for (int32_t column = columns->begin; column < columns->end; ++column) {
      const int32_t value = values[row * row_pitch + column * pitch];
      found = value > found ? value : found;
    }
  }
  return found;
}

void tinynn_average_pool_int16_ref(const struct tinynn_pool *restrict p, const int16_t *restrict input,
                                   int16_t *restrict output) {
  pool(p, input, output, average);
}

void tinynn_max_pool_int16_ref(const struct tinynn_pool *restrict p, const int16_t *restrict input,
                               int16_t *restrict output) {
  pool(p, input, output, largest);
}

void tinynn_mean_int16_ref(const struct tinynn_mean *restrict p, const int16_t *restrict input,
                           int16_t *restrict output) {
  const struct tinynn_axes axes = tinynn_axes(p);
  int32_t outer[TINYNN_RANK] = {0}, first = 0;
  do {
    int32_t inner[TINYNN_RANK] = {0}, place = first;
    uint32_t sum = 0; /* modulo 2^32, as TFLM accumulates */
    do {
      const int32_t value = input[place];
      sum += (uint32_t)value;
    } while (tinynn_advance(axes.size + TINYNN_RANK, axes.stride + TINYNN_RANK, inner, &place));
    *output++ = (int16_t)tinynn_clamp(tinynn_rescale((int32_t)sum, p->multiplier, p->shift), INT16_MIN, INT16_MAX);
  } while (tinynn_advance(axes.size, axes.stride, outer, &first));
}
