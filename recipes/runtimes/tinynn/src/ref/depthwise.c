/* DEPTHWISE_CONV_2D, int8.
 *
 *   out[n, y, x, o] = clamp(zero_point + rescale(bias[o] + Σ in[n, y', x', o / depth_multiplier] * weights[ky, kx, o]))
 *   y' = y * stride_y - pad_top + ky * dilation_y, x' likewise; outside the input lies the input's zero point
 *
 * Bit for bit DepthwiseConvPerChannel of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/depthwise_conv.h).
 */
#include "../fixed_point.h"
#include "tinynn.h"

static int32_t sum_of_taps(const struct tinynn_depthwise *restrict p, const int8_t *restrict channel,
                           const int8_t *restrict weights, int32_t y, int32_t x) {
  int32_t sum = 0;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    const int32_t from_y = y * p->stride_y - p->pad_top + ky * p->dilation_y;
    for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
      const int32_t from_x = x * p->stride_x - p->pad_left + kx * p->dilation_x;
      const int inside = from_y >= 0 && from_y < p->input_height && from_x >= 0 && from_x < p->input_width;
      const int32_t place = (from_y * p->input_width + from_x) * p->input_channels;
      sum += (inside ? channel[place] : p->input_zero_point) * *weights;
      weights += p->output_channels;
    }
  }
  return sum;
}

void tinynn_depthwise_ref(const struct tinynn_depthwise *restrict p, const int8_t *restrict input,
                          int8_t *restrict output, void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *image = input + n * p->input_height * p->input_width * p->input_channels;
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        for (int32_t o = 0; o < p->output_channels; ++o) {
          const struct tinynn_channel *channel = &p->channels[o];
          int32_t sum = channel->bias + sum_of_taps(p, image + o / p->depth_multiplier, p->weights + o, y, x);
          sum = p->output_zero_point + tinynn_rescale(sum, channel->multiplier, channel->shift);
          *output++ = (int8_t)tinynn_clamp(sum, p->lowest, p->highest);
        }
      }
    }
  }
}
