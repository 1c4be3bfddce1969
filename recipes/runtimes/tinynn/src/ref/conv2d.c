/* CONV_2D, int8.
 *
 *   out[n, y, x, o] = clamp(zero_point + rescale(bias[o] + Σ in[n, y', x', i] * weights[o, ky, kx, i]))
 *   y' = y * stride_y - pad_top + ky * dilation_y, x' likewise; outside the input lies the input's zero point
 *
 * Bit for bit ConvPerChannel of TFLM (tensorflow/lite/kernels/internal/reference/integer_ops/conv.h), which leaves the
 * outside out of the sum; here the bias has -zero_point * Σ weights in it, so the outside counts.
 * Scratch: the input values under the kernel, [kernel_height, kernel_width, input_channels] int8.
 */
#include <string.h>

#include "tinynn.h"
#include "tinynn/dot.h"
#include "tinynn/fixed_point.h"

static void copy_patch(const struct tinynn_conv2d *restrict p, const int8_t *restrict image, int8_t *restrict patch,
                       int32_t y, int32_t x) {
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    const int32_t from_y = y * p->stride_y - p->pad_top + ky * p->dilation_y;
    for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
      const int32_t from_x = x * p->stride_x - p->pad_left + kx * p->dilation_x;
      if (from_y < 0 || from_y >= p->input_height || from_x < 0 || from_x >= p->input_width) {
        memset(patch, p->input_zero_point, (size_t)p->input_channels);
      } else {
        memcpy(patch, image + (from_y * p->input_width + from_x) * p->input_channels, (size_t)p->input_channels);
      }
      patch += p->input_channels;
    }
  }
}

/* Weights of which each has the zero point taken off: the sum of the inputs under the kernel, so many times, goes. */
static inline __attribute__((always_inline)) void conv2d(const struct tinynn_conv2d *restrict p,
                                                         const int8_t *input, int8_t *output,
                                                         int8_t *restrict patch, int32_t weight_zero_point) {
  const int32_t products = p->kernel_height * p->kernel_width * p->input_channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        copy_patch(p, input, patch, y, x);
        int32_t less = 0;
        for (int32_t i = 0; weight_zero_point != 0 && i < products; ++i) {
          less += weight_zero_point * patch[i];
        }
        for (int32_t o = 0; o < p->output_channels; ++o) {
          const struct tinynn_channel *channel = &p->channels[o];
          const int32_t sum = tinynn_dot((int32_t)((uint32_t)channel->bias - (uint32_t)less), patch, p->weights + o * products, products);
          const int32_t scaled = tinynn_rescale(sum, channel->multiplier, channel->shift);
          output[o] = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
        }
        output += p->output_pitch;
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}

void tinynn_conv2d_ref(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                       void *restrict scratch) {
  conv2d(p, input, output, scratch, 0);
}

void tinynn_conv2d_asymmetric_ref(const struct tinynn_conv2d_asymmetric *restrict p, const int8_t *input,
                                  int8_t *output, void *restrict scratch) {
  conv2d(&p->conv2d, input, output, scratch, p->weight_zero_point);
}
