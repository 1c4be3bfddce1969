/* DEPTHWISE_CONV_2D, int8.
 *
 *   out[n, y, x, o] = clamp(zero_point + rescale(bias[o] + Σ in[n, y', x', o / depth_multiplier] * weights[ky, kx, o]))
 *   y' = y * stride_y - pad_top + ky * dilation_y, x' likewise; outside the input lies the input's zero point
 *
 * Bit for bit DepthwiseConvPerChannel of TFLM
 * (tensorflow/lite/kernels/internal/reference/integer_ops/depthwise_conv.h). Scratch: the sums of one pixel,
 * [output_channels] int32.
 */
#include <stddef.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"

/* Add one tap's products; `pixel` is NULL outside the input, `less` the weights' zero point. */
static inline __attribute__((always_inline)) void add_tap(const struct tinynn_depthwise *restrict p,
                                                          const int8_t *restrict pixel, const int8_t *restrict weights,
                                                          int32_t less, int32_t *restrict sums) {
  for (int32_t i = 0; i < p->input_channels; ++i) {
    const int32_t value = pixel == NULL ? p->input_zero_point : pixel[i];
    for (int32_t m = 0; m < p->depth_multiplier; ++m) {
      *sums = (int32_t)((uint32_t)*sums + (uint32_t)(value * (*weights++ - less))); /* modulo 2^32, as TFLM accumulates */
      ++sums;
    }
  }
}

static inline __attribute__((always_inline)) void sum_pixel(const struct tinynn_depthwise *restrict p,
                                                            const int8_t *restrict image, int32_t less,
                                                            int32_t *restrict sums, int32_t y, int32_t x) {
  const int8_t *restrict weights = p->weights;
  for (int32_t o = 0; o < p->output_channels; ++o) {
    sums[o] = p->channels[o].bias;
  }
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    const int32_t from_y = y * p->stride_y - p->pad_top + ky * p->dilation_y;
    for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
      const int32_t from_x = x * p->stride_x - p->pad_left + kx * p->dilation_x;
      const int inside = from_y >= 0 && from_y < p->input_height && from_x >= 0 && from_x < p->input_width;
      add_tap(p, inside ? image + (from_y * p->input_width + from_x) * p->input_channels : NULL, weights, less, sums);
      weights += p->output_channels;
    }
  }
}

static inline __attribute__((always_inline)) void depthwise(const struct tinynn_depthwise *restrict p,
                                                            const int8_t *input, int8_t *output,
                                                            int32_t *restrict sums, int32_t less) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        sum_pixel(p, input, less, sums, y, x);
        for (int32_t o = 0; o < p->output_channels; ++o) {
          const struct tinynn_channel *channel = &p->channels[o];
          const int32_t scaled = tinynn_rescale(sums[o], channel->multiplier, channel->shift);
          *output++ = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
        }
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}

void tinynn_depthwise_ref(const struct tinynn_depthwise *restrict p, const int8_t *input,
                          int8_t *output, void *restrict scratch) {
  depthwise(p, input, output, scratch, 0);
}

void tinynn_depthwise_asymmetric_ref(const struct tinynn_depthwise_asymmetric *restrict p,
                                     const int8_t *input, int8_t *output, void *restrict scratch) {
  depthwise(&p->depthwise, input, output, scratch, p->weight_zero_point);
}
