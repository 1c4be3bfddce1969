/* DEPTHWISE_CONV_2D of int16, one output for each channel, sums of 32 bits: pixel by pixel, four channels at a time. The
 * file that includes this has `sum_four`. Scratch: two lists of taps. */
#ifndef TINYNN_DEPTHWISE_INT16_H
#define TINYNN_DEPTHWISE_INT16_H

#include "tinynn.h"
#include "tinynn/narrow.h"

/* Where the channels of a tap are: elements behind a pixel's place in the input, and in the weights. */
struct tap {
  int32_t input, weights;
};

/* sums[i] += Σ from[tap + i] * weights[tap + i]. */
static inline void sum_four(const int16_t *from, const int8_t *weights, const struct tap *taps, int32_t count,
                            int32_t *restrict sums);

/* The taps inside the input of the kernel whose first row and column are y and x; their number. */
static __attribute__((noinline)) int32_t find_taps(const struct tinynn_depthwise *restrict p, int32_t y, int32_t x,
                                                   struct tap *restrict taps) {
  int32_t count = 0, weights = 0;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    const int32_t row = ky * p->dilation_y;
    for (int32_t kx = 0; kx < p->kernel_width; ++kx, weights += p->output_channels) {
      const int32_t column = kx * p->dilation_x;
      if ((uint32_t)(y + row) < (uint32_t)p->input_height && (uint32_t)(x + column) < (uint32_t)p->input_width) {
        taps[count].input = (row * p->input_width + column) * p->input_channels;
        taps[count].weights = weights;
        ++count;
      }
    }
  }
  return count;
}

/* All channels of one output pixel. */
static inline void compute_pixel(const struct tinynn_depthwise *restrict p, const int16_t *from, const struct tap *taps,
                                 int32_t count, int16_t *output) {
  const int32_t channels = p->output_channels;
  int32_t c = 0;
  for (; c + 4 <= channels; c += 4) {
    const struct tinynn_channel *channel = p->channels + c;
    int32_t sums[4] = {channel[0].bias, channel[1].bias, channel[2].bias, channel[3].bias};
    sum_four(from + c, p->weights + c, taps, count, sums);
#pragma GCC unroll 4
    for (int32_t i = 0; i < 4; ++i) {
      output[c + i] = tinynn_from_narrow(sums[i], &channel[i], p->lowest, p->highest);
    }
  }
  for (; c < channels; ++c) {
    int32_t sum = p->channels[c].bias;
#pragma GCC unroll 1
    for (int32_t t = 0; t < count; ++t) {
      sum += from[taps[t].input + c] * p->weights[taps[t].weights + c];
    }
    output[c] = tinynn_from_narrow(sum, &p->channels[c], p->lowest, p->highest);
  }
}

static inline void depthwise_int16(const struct tinynn_depthwise *restrict p, const int16_t *input,
                                   int16_t *output, void *restrict scratch) {
  struct tap *inner = scratch, *edge = inner + p->kernel_height * p->kernel_width;
  const int32_t last_y = p->input_height - 1 - (p->kernel_height - 1) * p->dilation_y;
  const int32_t last_x = p->input_width - 1 - (p->kernel_width - 1) * p->dilation_x;
  const int32_t all = last_y >= 0 && last_x >= 0 ? find_taps(p, 0, 0, inner) : 0;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t i = 0; i < p->output_height; ++i) {
      const int32_t y = i * p->stride_y - p->pad_top;
      for (int32_t j = 0; j < p->output_width; ++j) {
        const int32_t x = j * p->stride_x - p->pad_left;
        const int is_inside = y >= 0 && y <= last_y && x >= 0 && x <= last_x;
        const int32_t count = is_inside ? all : find_taps(p, y, x, edge);
        compute_pixel(p, input + (y * p->input_width + x) * p->input_channels, is_inside ? inner : edge, count, output);
        output += p->output_channels;
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}

#endif
