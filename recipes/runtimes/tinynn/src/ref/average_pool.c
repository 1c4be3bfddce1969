/* AVERAGE_POOL_2D, int8.
 *
 *   out[n, y, x, c] = clamp(round(Σ in[n, y', x', c] / count)), halves away from zero, over the window's part inside
 *
 * Bit for bit AveragePool of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h).
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/window.h"

void tinynn_average_pool_ref(const struct tinynn_pool *restrict p, const int8_t *input,
                             int8_t *output) {
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *image = input + n * p->input_height * p->input_width * p->channels;
    for (int32_t y = 0; y < p->output_height; ++y) {
      const struct tinynn_window rows =
          tinynn_window(y, p->stride_y, p->pad_top, p->kernel_height, p->input_height);
      for (int32_t x = 0; x < p->output_width; ++x) {
        const struct tinynn_window columns =
            tinynn_window(x, p->stride_x, p->pad_left, p->kernel_width, p->input_width);
        const int32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
        for (int32_t c = 0; c < p->channels; ++c) {
          int32_t sum = 0;
          for (int32_t row = rows.begin; row < rows.end; ++row) {
            for (int32_t column = columns.begin; column < columns.end; ++column) {
              sum += image[(row * p->input_width + column) * p->channels + c];
            }
          }
          const int32_t half = sum > 0 ? count / 2 : -(count / 2);
          *output++ = (int8_t)tinynn_clamp((sum + half) / count, p->lowest, p->highest);
        }
      }
    }
  }
}
