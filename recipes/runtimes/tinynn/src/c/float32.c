/* CONV_2D and DEPTHWISE_CONV_2D, float32, for processors with such registers: 4 pixels by 4 channels at once, or 4
 * channels of a depthwise one. Sums are those of ref, in its order. */
#include <stddef.h>
#include <string.h>

#include "tinynn.h"

enum { PIXELS = 4, CHANNELS = 4, AT_ONCE = 16 };

/* What lies under the kernel at output pixel `at`, zeros outside: [kernel_height, kernel_width, input_channels]. */
static void copy_patch(const struct tinynn_conv2d_float32 *restrict p, const float *restrict input, int32_t at,
                       float *restrict patch) {
  const int32_t channels = p->input_channels, pitch = p->input_width * channels, taps = p->kernel_width * channels;
  const int32_t row = at / p->output_width, x = (at - row * p->output_width) * p->stride_x - p->pad_left;
  const int32_t image = row / p->output_height, height = p->input_height, dilation = p->dilation_y;
  /* taps of a row lie side by side; floats from `left` to `right` are inside */
  const int32_t is_dense = p->dilation_x == 1, most = pitch - x * channels;
  const int32_t left = x >= 0 ? 0 : -x * channels < taps ? -x * channels : taps;
  const int32_t right = most < left ? left : most < taps ? most : taps;
  int32_t y = (row - image * p->output_height) * p->stride_y - p->pad_top;
  const float *restrict from = input + (image * height + y) * pitch + x * channels;
  for (int32_t ky = p->kernel_height; ky > 0; --ky, patch += taps, y += dilation, from += dilation * pitch) {
    if (y < 0 || y >= height) {
      memset(patch, 0, (size_t)taps * sizeof(float));
    } else if (is_dense) {
      if (left > 0) {
        memset(patch, 0, (size_t)left * sizeof(float));
      }
      memcpy(patch + left, from + left, (size_t)(right - left) * sizeof(float));
      if (right < taps) {
        memset(patch + right, 0, (size_t)(taps - right) * sizeof(float));
      }
    } else {
      for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
        const int32_t column = x + kx * p->dilation_x;
        for (int32_t i = 0; i < channels; ++i) {
          const int is_inside = column >= 0 && column < p->input_width;
          patch[kx * channels + i] = is_inside ? from[kx * p->dilation_x * channels + i] : 0;
        }
      }
    }
  }
}

static inline __attribute__((always_inline)) void add_products(const float *const *values, const float *const *rows,
                                                               int32_t k, int32_t pixels,
                                                               float (*restrict sums)[CHANNELS]) {
#pragma GCC unroll 4
  for (int32_t i = 0; i < pixels; ++i) {
#pragma GCC unroll 4
    for (int32_t c = 0; c < CHANNELS; ++c) {
      sums[i][c] = tinynn_multiply_add(sums[i][c], values[i][k], rows[c][k]);
    }
  }
}

/* All channels of `pixels` (a constant) pixels, whose inputs lie one after the other. */
static inline __attribute__((always_inline)) void multiply(const struct tinynn_conv2d_float32 *restrict p,
                                                           const float *restrict from, int32_t products,
                                                           int32_t pixels, float *restrict output) {
  const int32_t outputs = p->output_channels;
  for (int32_t o = 0; o < outputs; o += CHANNELS) {
    const float *rows[CHANNELS], *values[PIXELS];
    float sums[PIXELS][CHANNELS] = {{0}};
#pragma GCC unroll 4
    for (int32_t c = 0; c < CHANNELS; ++c) {
      rows[c] = p->weights + (o + c < outputs ? o + c : outputs - 1) * products;
    }
#pragma GCC unroll 4
    for (int32_t i = 0; i < PIXELS; ++i) {
      values[i] = from + (i < pixels ? i : 0) * products;
    }
    int32_t left = products;
    for (; left >= AT_ONCE; left -= AT_ONCE) {
#pragma GCC unroll 16
      for (int32_t k = 0; k < AT_ONCE; ++k) {
        add_products(values, rows, k, pixels, sums);
      }
#pragma GCC unroll 4
      for (int32_t i = 0; i < 4; ++i) {
        values[i] += AT_ONCE;
        rows[i] += AT_ONCE;
      }
    }
#pragma GCC unroll 1
    for (int32_t k = 0; k < left; ++k) {
      add_products(values, rows, k, pixels, sums);
    }
#pragma GCC unroll 4
    for (int32_t c = 0; c < CHANNELS; ++c) {
      if (o + c < outputs) {
        const float bias = p->bias == NULL ? 0 : p->bias[o + c];
#pragma GCC unroll 4
        for (int32_t i = 0; i < pixels; ++i) {
          output[i * outputs + o + c] = tinynn_clamp_float32(sums[i][c] + bias, p->lowest, p->highest);
        }
      }
    }
  }
}

/* Scratch: what lies under the kernels of 4 pixels; none where each is one input pixel. */
void tinynn_conv2d_float32_c(const struct tinynn_conv2d_float32 *restrict p, const float *restrict input,
                             float *restrict output, void *restrict scratch) {
  const int32_t products = p->kernel_height * p->kernel_width * p->input_channels;
  const int32_t pixels = p->batches * p->output_height * p->output_width;
  for (int32_t at = 0; at < pixels; at += PIXELS) {
    const int32_t count = pixels - at < PIXELS ? pixels - at : PIXELS;
    const float *from = scratch;
    if (scratch == NULL) {
      from = input + at * products;
    } else {
      for (int32_t i = 0; i < count; ++i) {
        copy_patch(p, input, at + i, (float *)scratch + i * products);
      }
    }
    if (count == PIXELS) {
      multiply(p, from, products, PIXELS, output);
    } else {
      for (int32_t i = 0; i < count; ++i) {
        multiply(p, from + i * products, products, 1, output + i * p->output_channels);
      }
    }
    output += count * p->output_channels;
  }
}

/* Taps of one axis that lie inside. */
struct taps {
  int32_t begin, end;
};

static struct taps inside(int32_t from, int32_t dilation, int32_t kernel, int32_t size) {
  struct taps taps = {0, kernel};
  while (taps.begin < kernel && from + taps.begin * dilation < 0) {
    ++taps.begin;
  }
  while (taps.end > taps.begin && from + (taps.end - 1) * dilation >= size) {
    --taps.end;
  }
  return taps;
}

/* `channels`, a constant, of one pixel; `from` and `weights` are those of the first tap inside. */
static inline __attribute__((always_inline)) void sum_taps(const struct tinynn_depthwise_float32 *restrict p,
                                                           const float *from, const float *weights, int32_t rows,
                                                           int32_t columns, int32_t first, int32_t channels,
                                                           float *restrict output) {
  const int32_t step = p->dilation_x * p->input_channels;
  float sums[CHANNELS] = {0};
  for (int32_t ky = 0; ky < rows; ++ky) {
    const float *x = from + ky * p->dilation_y * p->input_width * p->input_channels;
    const float *w = weights + ky * p->kernel_width * p->output_channels;
    for (int32_t kx = 0; kx < columns; ++kx, x += step, w += p->output_channels) {
#pragma GCC unroll 4
      for (int32_t c = 0; c < channels; ++c) {
        sums[c] = tinynn_multiply_add(sums[c], x[c], w[c]);
      }
    }
  }
#pragma GCC unroll 4
  for (int32_t c = 0; c < channels; ++c) {
    const float bias = p->bias == NULL ? 0 : p->bias[first + c];
    output[c] = tinynn_clamp_float32(sums[c] + bias, p->lowest, p->highest);
  }
}

/* One output for each input channel. */
void tinynn_depthwise_float32_c(const struct tinynn_depthwise_float32 *restrict p, const float *restrict input,
                                float *restrict output, void *restrict scratch) {
  (void)scratch;
  const int32_t channels = p->output_channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t i = 0; i < p->output_height; ++i) {
      const int32_t y = i * p->stride_y - p->pad_top;
      const struct taps rows = inside(y, p->dilation_y, p->kernel_height, p->input_height);
      for (int32_t j = 0; j < p->output_width; ++j) {
        const int32_t x = j * p->stride_x - p->pad_left;
        const struct taps columns = inside(x, p->dilation_x, p->kernel_width, p->input_width);
        const float *from = input + ((y + rows.begin * p->dilation_y) * p->input_width + x +
                                     columns.begin * p->dilation_x) * channels;
        const float *weights = p->weights + (rows.begin * p->kernel_width + columns.begin) * channels;
        const int32_t high = rows.end - rows.begin, wide = columns.end - columns.begin;
        int32_t c = 0;
        for (; c + CHANNELS <= channels; c += CHANNELS) {
          sum_taps(p, from + c, weights + c, high, wide, c, CHANNELS, output + c);
        }
        for (; c < channels; ++c) {
          sum_taps(p, from + c, weights + c, high, wide, c, 1, output + c);
        }
        output += channels;
      }
    }
    input += p->input_height * p->input_width * channels;
  }
}
