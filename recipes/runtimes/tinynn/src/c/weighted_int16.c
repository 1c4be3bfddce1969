/* CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED of int16 where sums have 32 bits: the formulas of
 * ref/weighted_int16.c, tiles of 2 pixels by 2 channels, four channels of a pixel, four outputs of a row. */
#define TILE_PIXELS 2
#define TILE_CHANNELS 2
#include "tinynn/depthwise_int16.h"
#include "tinynn/tile_int16.h"

void tinynn_conv2d_int16_c(const struct tinynn_conv2d *restrict p, const int16_t *input,
                           int16_t *output, void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}

static inline void sum_four(const int16_t *from, const int8_t *weights, const struct tap *taps, int32_t count,
                            int32_t *restrict sums) {
  int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
#pragma GCC unroll 1
  for (; count > 0; --count) {
    const int16_t *x = from + taps->input;
    const int8_t *w = weights + taps->weights;
    sum0 += x[0] * w[0];
    sum1 += x[1] * w[1];
    sum2 += x[2] * w[2];
    sum3 += x[3] * w[3];
    ++taps;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

void tinynn_depthwise_int16_c(const struct tinynn_depthwise *restrict p, const int16_t *input,
                              int16_t *output, void *restrict scratch) {
  depthwise_int16(p, input, output, scratch);
}

void tinynn_fully_connected_int16_c(const struct tinynn_fully_connected *restrict p, const int16_t *input,
                                    int16_t *output, void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *weights = p->weights;
    for (int32_t o = 0; o < p->outputs; o += 4) {
      const struct tinynn_channel *channel = p->channels + o;
      int32_t sums[4] = {channel[0].bias, channel[1].bias, channel[2].bias, channel[3].bias};
#pragma GCC unroll 2
      for (int32_t i = 0; i < p->inputs; ++i) {
        sums[0] += input[i] * weights[0];
        sums[1] += input[i] * weights[1];
        sums[2] += input[i] * weights[2];
        sums[3] += input[i] * weights[3];
        weights += 4;
      }
      for (int32_t i = 0; i < 4 && o + i < p->outputs; ++i) {
        *output++ = tinynn_from_narrow(sums[i], &channel[i], p->lowest, p->highest);
      }
    }
    input += p->inputs;
  }
}

/* The same of rows as a file has them, two at a time. */
void tinynn_rows_int16_c(const struct tinynn_fully_connected *restrict p, const int16_t *input,
                         int16_t *output, void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t o = 0; o < p->outputs; o += 2) {
      const int32_t second = o + 1 < p->outputs;
      const int8_t *a = p->weights + o * p->inputs, *b = a + second * p->inputs;
      int32_t sum_a = p->channels[o].bias, sum_b = p->channels[o + second].bias;
#pragma GCC unroll 4
      for (int32_t i = 0; i < p->inputs; ++i) {
        sum_a += input[i] * a[i];
        sum_b += input[i] * b[i];
      }
      *output++ = tinynn_from_narrow(sum_a, &p->channels[o], p->lowest, p->highest);
      if (second) {
        *output++ = tinynn_from_narrow(sum_b, &p->channels[o + 1], p->lowest, p->highest);
      }
    }
    input += p->inputs;
  }
}
