/* MAX_POOL_2D, int8.
 *
 *   out[n, y, x, c] = clamp(max in[n, y', x', c]) over the window's part inside the input
 *
 * Bit for bit MaxPool of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h).
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/window.h"

static void raise_to(int8_t *restrict largest, const int8_t *restrict values, int32_t channels) {
  for (int32_t c = 0; c < channels; ++c) {
    largest[c] = values[c] > largest[c] ? values[c] : largest[c];
  }
}

static void pool_window(const struct tinynn_pool *restrict p, const int8_t *restrict image, int32_t y, int32_t x,
                        int8_t *output) {
  const struct tinynn_window rows = tinynn_window(y, p->stride_y, p->pad_top, p->kernel_height, p->input_height);
  const struct tinynn_window columns = tinynn_window(x, p->stride_x, p->pad_left, p->kernel_width, p->input_width);
  for (int32_t c = 0; c < p->channels; ++c) {
    output[c] = INT8_MIN;
  }
  for (int32_t row = rows.begin; row < rows.end; ++row) {
    for (int32_t column = columns.begin; column < columns.end; ++column) {
      raise_to(output, image + (row * p->input_width + column) * p->channels, p->channels);
    }
  }
  for (int32_t c = 0; c < p->channels; ++c) {
    output[c] = (int8_t)tinynn_clamp(output[c], p->lowest, p->highest);
  }
}

void tinynn_max_pool_ref(const struct tinynn_pool *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        pool_window(p, input, y, x, output);
        output += p->channels;
      }
    }
    input += p->input_height * p->input_width * p->channels;
  }
}
