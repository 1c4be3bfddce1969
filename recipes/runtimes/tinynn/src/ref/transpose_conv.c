/* TRANSPOSE_CONV, int8.
 *
 *   out[y, x, o] = clamp(zero_point + rescale(bias[o] + Σ (in[i, j, c] - input_zero_point) * weights[o, u, v, c])),
 *   over all i, j, u, v with i * stride_y - pad_top + u = y, j * stride_x - pad_left + v = x
 *
 * Bit for bit TransposeConv of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h), which goes
 * through the inputs and adds to all outputs that each has a part in.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

static inline uint32_t products(const int8_t *restrict input, const int8_t *restrict weights, int32_t count,
                                int32_t zero_point) {
  uint32_t sum = 0; /* modulo 2^32, as TFLM accumulates */
  for (int32_t c = 0; c < count; ++c) {
    sum += (uint32_t)((input[c] - zero_point) * weights[c]);
  }
  return sum;
}

/* One output channel of one pixel; `y` and `x` count from the padding on. */
static uint32_t sum_of(const struct tinynn_conv2d *restrict p, const int8_t *restrict input,
                       const int8_t *restrict weights, int32_t y, int32_t x) {
  uint32_t sum = 0;
  for (int32_t u = y % p->stride_y; u < p->kernel_height && u <= y; u += p->stride_y) {
    const int32_t row = (y - u) / p->stride_y;
    for (int32_t v = x % p->stride_x; v < p->kernel_width && v <= x; v += p->stride_x) {
      const int32_t column = (x - v) / p->stride_x;
      if (row < p->input_height && column < p->input_width) {
        sum += products(input + (row * p->input_width + column) * p->input_channels,
                        weights + (u * p->kernel_width + v) * p->input_channels, p->input_channels,
                        p->input_zero_point);
      }
    }
  }
  return sum;
}

void tinynn_transpose_conv_ref(const struct tinynn_conv2d *restrict p, const int8_t *restrict input,
                               int8_t *restrict output) {
  const int32_t taps = p->kernel_height * p->kernel_width * p->input_channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        for (int32_t o = 0; o < p->output_channels; ++o) {
          const struct tinynn_channel *channel = &p->channels[o];
          const uint32_t sum = sum_of(p, input, p->weights + o * taps, y + p->pad_top, x + p->pad_left);
          const int32_t scaled =
              tinynn_rescale((int32_t)(sum + (uint32_t)channel->bias), channel->multiplier, channel->shift);
          *output++ = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
        }
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}
