/* CONV_2D, int8.
 *
 *   out[n, y, x, o] = clamp(zero_point + rescale(bias[o] + Σ in[n, y', x', i] * weights[o, ky, kx, i]))
 *   y' = y * stride_y - pad_top + ky * dilation_y, x' likewise; outside the input lies the input's zero point
 *
 * Bit for bit ConvPerChannel of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/conv.h), which leaves the
 * outside out of the sum; here the bias has -zero_point * Σ weights in it, so the outside counts.
 */
#include <stddef.h>

#include "../fixed_point.h"
#include "tinynn.h"

static int32_t sum_of_row(const struct tinynn_conv2d *restrict p, const int8_t *restrict row,
                          const int8_t *restrict weights, int32_t x) {
  int32_t sum = 0;
  for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
    const int32_t from = x * p->stride_x - p->pad_left + kx * p->dilation_x;
    const int8_t *restrict w = weights + kx * p->input_channels;
    if (row == NULL || from < 0 || from >= p->input_width) {
      for (int32_t i = 0; i < p->input_channels; ++i) {
        sum += p->input_zero_point * w[i];
      }
    } else {
      const int8_t *restrict pixel = row + from * p->input_channels;
      for (int32_t i = 0; i < p->input_channels; ++i) {
        sum += pixel[i] * w[i];
      }
    }
  }
  return sum;
}

void tinynn_conv2d_ref(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                       void *restrict scratch) {
  (void)scratch;
  const int32_t row_elements = p->input_width * p->input_channels;
  const int32_t weights_of_row = p->kernel_width * p->input_channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *image = input + n * p->input_height * row_elements;
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        const int8_t *weights = p->weights;
        for (int32_t o = 0; o < p->output_channels; ++o) {
          const struct tinynn_channel *channel = &p->channels[o];
          int32_t sum = channel->bias;
          for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
            const int32_t from = y * p->stride_y - p->pad_top + ky * p->dilation_y;
            const int8_t *row = from < 0 || from >= p->input_height ? NULL : image + from * row_elements;
            sum += sum_of_row(p, row, weights, x);
            weights += weights_of_row;
          }
          sum = p->output_zero_point + tinynn_rescale(sum, channel->multiplier, channel->shift);
          *output++ = (int8_t)tinynn_clamp(sum, p->lowest, p->highest);
        }
      }
    }
  }
}
