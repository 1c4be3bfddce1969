/* CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and TRANSPOSE_CONV, int16 by int8 weights; BATCH_MATMUL, int16 by int16.
 *
 *   out[…, o] = clamp(rescale(bias[o] + Σ in[…] * weights[o, …])), nothing outside the input
 *
 * Bit for bit ConvPerChannel, DepthwiseConvPerChannel, FullyConnected, FullyConnectedPerChannel, TransposeConv and
 * BatchMatMul of TFLM for int16 (tensorflow/lite/kernels/internal/reference/integer_ops/, batch_matmul.h); see
 * tinynn/wide.h. TRANSPOSE_CONV's sums are those of transpose_conv.c. `channels` are records of the struct
 * tinynn_wide_channel.
 */
#include "tinynn.h"
#include "tinynn/wide.h"

static const struct tinynn_wide_channel *wide(const struct tinynn_channel *channels) {
  return (const struct tinynn_wide_channel *)(const void *)channels;
}

static int64_t dot(int64_t sum, const int16_t *restrict x, const int8_t *restrict weights, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    sum = tinynn_add_wide(sum, x[i] * weights[i]);
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

void tinynn_conv2d_int16_ref(const struct tinynn_conv2d *restrict p, const int16_t *input,
                             int16_t *output) {
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
        sum = tinynn_add_wide(sum, image[(row * p->input_width + column) * p->input_channels] * *weights);
      }
      weights += p->output_channels;
    }
  }
  return sum;
}

void tinynn_depthwise_int16_ref(const struct tinynn_depthwise *restrict p, const int16_t *input,
                                int16_t *output) {
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

void tinynn_fully_connected_int16_ref(const struct tinynn_fully_connected *restrict p, const int16_t *input,
                                      int16_t *output) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t o = 0; o < p->outputs; ++o) {
      const struct tinynn_wide_channel *channel = &wide(p->channels)[o];
      const int64_t sum = dot(tinynn_wide_bias(channel), input, p->weights + o * p->inputs, p->inputs);
      *output++ = (int16_t)tinynn_clamp(tinynn_from_sum(sum, channel), p->lowest, p->highest);
    }
    input += p->inputs;
  }
}

/* One output channel of one pixel; `y` and `x` count from the padding on. */
static int64_t convolve_transposed(const struct tinynn_conv2d *restrict p, const int16_t *restrict image, int32_t y,
                                   int32_t x, const int8_t *restrict weights, int64_t sum) {
  for (int32_t u = y % p->stride_y; u < p->kernel_height && u <= y; u += p->stride_y) {
    const int32_t row = (y - u) / p->stride_y;
    for (int32_t v = x % p->stride_x; v < p->kernel_width && v <= x; v += p->stride_x) {
      const int32_t column = (x - v) / p->stride_x;
      if (row < p->input_height && column < p->input_width) {
        sum = dot(sum, image + (row * p->input_width + column) * p->input_channels,
                  weights + (u * p->kernel_width + v) * p->input_channels, p->input_channels);
      }
    }
  }
  return sum;
}

void tinynn_transpose_conv_int16_ref(const struct tinynn_conv2d *restrict p, const int16_t *input,
                                     int16_t *output) {
  const int32_t products = p->kernel_height * p->kernel_width * p->input_channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t i = 0; i < p->output_height * p->output_width; ++i) {
      const int32_t y = i / p->output_width + p->pad_top, x = i % p->output_width + p->pad_left;
      for (int32_t o = 0; o < p->output_channels; ++o) {
        const struct tinynn_wide_channel *channel = &wide(p->channels)[o];
        const int64_t sum = convolve_transposed(p, input, y, x, p->weights + o * products, tinynn_wide_bias(channel));
        *output++ = (int16_t)tinynn_clamp(tinynn_from_sum(sum, channel), p->lowest, p->highest);
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}

static void multiply(const struct tinynn_matmul *restrict p, const int16_t *left, const int16_t *right,
                     int16_t *output) {
  for (int32_t i = 0; i < p->rows; ++i) {
    for (int32_t j = 0; j < p->columns; ++j) {
      const int16_t *a = left + i * p->left_row, *b = right + j * p->right_column;
      int64_t sum = 0;
      for (int32_t k = 0; k < p->depth; ++k) {
        sum += *a * *b;
        a += p->left_step;
        b += p->right_step;
      }
      const int32_t scaled = tinynn_rescale_wide(sum, p->multiplier, p->shift);
      *output++ = (int16_t)tinynn_clamp(scaled, p->lowest, p->highest);
    }
  }
}

void tinynn_matmul_int16_ref(const struct tinynn_matmul *restrict p, const int16_t *left, const int16_t *right,
                             int16_t *output) {
  const int32_t *ls = p->batches.left_strides, *rs = p->batches.right_strides, *shape = p->batches.shape;
  for (int32_t i = 0; i < shape[2]; ++i) {
    for (int32_t j = 0; j < shape[3]; ++j) {
      for (int32_t k = 0; k < shape[4]; ++k) {
        multiply(p, left + i * ls[2] + j * ls[3] + k * ls[4], right + i * rs[2] + j * rs[3] + k * rs[4], output);
        output += p->rows * p->columns;
      }
    }
  }
}
