/* CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED, int16 by int8 weights.
 *
 *   out[…, o] = clamp(rescale(bias[o] + Σ in[…] * weights[o, …])), nothing outside the input
 *
 * Bit for bit ConvPerChannel, DepthwiseConvPerChannel, FullyConnected and FullyConnectedPerChannel of TFLM for int16
 * (tensorflow/lite/kernels/internal/reference/integer_ops/); see tinynn/wide.h. `channels` are records of the struct
 * tinynn_wide_channel.
 */
#include "tinynn.h"
#include "tinynn/wide.h"

static const struct tinynn_wide_channel *wide(const struct tinynn_channel *channels) {
  return (const struct tinynn_wide_channel *)(const void *)channels;
}

static int64_t dot(int64_t sum, const int16_t *restrict x, const int8_t *restrict weights, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    sum += x[i] * weights[i];
  }
  return sum;
}

static int64_t convolve(const struct tinynn_conv2d *restrict p, const int16_t *restrict image, int32_t y, int32_t x,
                        const int8_t *restrict weights, int64_t sum) {
  const int32_t channels = p->input_channels;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    const int32_t row = y + ky * p->dilation_y;
    for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
      const int32_t column = x + kx * p->dilation_x;
      if (row >= 0 && row < p->input_height && column >= 0 && column < p->input_width) {
        sum = dot(sum, image + (row * p->input_width + column) * channels, weights, channels);
      }
      weights += channels;
    }
  }
  return sum;
}

void tinynn_conv2d_int16_ref(const struct tinynn_conv2d *restrict p, const int16_t *restrict input,
                             int16_t *restrict output) {
  const int32_t products = p->kernel_height * p->kernel_width * p->input_channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t i = 0; i < p->output_height * p->output_width; ++i) {
      const int32_t y = i / p->output_width * p->stride_y - p->pad_top;
      const int32_t x = i % p->output_width * p->stride_x - p->pad_left;
      for (int32_t o = 0; o < p->output_channels; ++o) {
        const struct tinynn_wide_channel *channel = &wide(p->channels)[o];
        const int64_t sum = convolve(p, input, y, x, p->weights + o * products, tinynn_wide_bias(channel));
        output[o] = (int16_t)tinynn_clamp(tinynn_from_sum(sum, channel), p->lowest, p->highest);
      }
      output += p->output_pitch;
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}

/* `weights`: of one output channel, p->output_channels apart. */
static int64_t convolve_channel(const struct tinynn_depthwise *restrict p, const int16_t *restrict image, int32_t y,
                                int32_t x, const int8_t *restrict weights, int64_t sum) {
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    const int32_t row = y + ky * p->dilation_y;
    for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
      const int32_t column = x + kx * p->dilation_x;
      if (row >= 0 && row < p->input_height && column >= 0 && column < p->input_width) {
        sum += image[(row * p->input_width + column) * p->input_channels] * *weights;
      }
      weights += p->output_channels;
    }
  }
  return sum;
}

void tinynn_depthwise_int16_ref(const struct tinynn_depthwise *restrict p, const int16_t *restrict input,
                                int16_t *restrict output) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t i = 0; i < p->output_height * p->output_width; ++i) {
      const int32_t y = i / p->output_width * p->stride_y - p->pad_top;
      const int32_t x = i % p->output_width * p->stride_x - p->pad_left;
      for (int32_t o = 0; o < p->output_channels; ++o) {
        const struct tinynn_wide_channel *channel = &wide(p->channels)[o];
        const int16_t *plane = input + o / p->depth_multiplier;
        const int64_t sum = convolve_channel(p, plane, y, x, p->weights + o, tinynn_wide_bias(channel));
        *output++ = (int16_t)tinynn_clamp(tinynn_from_sum(sum, channel), p->lowest, p->highest);
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}

void tinynn_fully_connected_int16_ref(const struct tinynn_fully_connected *restrict p, const int16_t *restrict input,
                                      int16_t *restrict output) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t o = 0; o < p->outputs; ++o) {
      const struct tinynn_wide_channel *channel = &wide(p->channels)[o];
      const int64_t sum = dot(tinynn_wide_bias(channel), input, p->weights + o * p->inputs, p->inputs);
      *output++ = (int16_t)tinynn_clamp(tinynn_from_sum(sum, channel), p->lowest, p->highest);
    }
    input += p->inputs;
  }
}
