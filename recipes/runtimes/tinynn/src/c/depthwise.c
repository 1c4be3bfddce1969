/* DEPTHWISE_CONV_2D, int8, any kernel: the formula of ref/depthwise.c, one channel after the other, four outputs of a row
 * at a time, which share the reading of the taps.
 *
 * A channel is brought together (plane.h) before its first output is written, and with depth multiplier 1 no other
 * channel's place is touched: input and output may begin at one address. What is computed behind a row's last output
 * is dropped.
 * Packing: [output channel][kernel_height][kernel_width] int8; records as in any_shift.h.
 * Scratch: the plane and 3 * stride_x more, int8.
 */
#include "tinynn.h"
#include "tinynn/any_shift.h"
#include "tinynn/fixed_point.h"
#include "tinynn/plane.h"
#include "tinynn/rescale_right.h"

enum { OUTPUTS = 4 };

/* What is constant for one channel. */
struct channel {
  const int8_t *taps;
  int32_t height, width, row_step;
  int32_t stride, dilation;
  int32_t bias;
};

/* Modulo 2^32, as TFLM accumulates: of channels that are rescaled by the definition nothing is proven. */
static inline int32_t plus(int32_t sum, int32_t product) { return (int32_t)((uint32_t)sum + (uint32_t)product); }

static inline struct tinynn_sums add_tap(struct tinynn_sums sums, const int8_t *x, int32_t stride, int32_t tap) {
  const struct tinynn_sums added = {plus(sums.s0, x[0] * tap), plus(sums.s1, x[stride] * tap),
                                    plus(sums.s2, x[2 * stride] * tap), plus(sums.s3, x[3 * stride] * tap)};
  return added;
}

/* Kernels that begin at `row` and its neighbours, five columns wide. */
static __attribute__((noinline)) void sum_five(const struct channel *restrict channel, const int8_t *restrict row,
                                               int32_t *restrict to) {
  struct tinynn_sums sums = {channel->bias, channel->bias, channel->bias, channel->bias};
  const int8_t *restrict taps = channel->taps;
#pragma GCC unroll 1
  for (int32_t ky = channel->height; ky > 0; --ky) {
    sums = add_tap(sums, row, 1, taps[0]);
    sums = add_tap(sums, row + 1, 1, taps[1]);
    sums = add_tap(sums, row + 2, 1, taps[2]);
    sums = add_tap(sums, row + 3, 1, taps[3]);
    sums = add_tap(sums, row + 4, 1, taps[4]);
    taps += 5;
    row += channel->row_step;
  }
  tinynn_store_sums(sums, to);
}

/* Kernels that begin at `row` and at each stride behind it. */
static __attribute__((noinline)) void sum_any(const struct channel *restrict channel, const int8_t *restrict row,
                                              int32_t *restrict to) {
  struct tinynn_sums sums = {channel->bias, channel->bias, channel->bias, channel->bias};
  const int32_t stride = channel->stride, dilation = channel->dilation, row_step = channel->row_step;
  const int8_t *restrict taps = channel->taps;
#pragma GCC unroll 1
  for (int32_t ky = channel->height; ky > 0; --ky) {
    const int8_t *x = row;
#pragma GCC unroll 1
    for (const int8_t *end = taps + channel->width; taps < end; ++taps) {
      sums = add_tap(sums, x, stride, *taps);
      x += dilation;
    }
    row += row_step;
  }
  tinynn_store_sums(sums, to);
}

static __attribute__((noinline)) void compute_channel(const struct tinynn_depthwise *restrict p,
                                                      const int8_t *restrict plane, int32_t columns, int32_t o,
                                                      int8_t *output) {
  const struct tinynn_channel *record = &p->channels[o];
  const int32_t is_right = tinynn_is_right(record);
  struct tinynn_right right = {0, 0, 0};
  if (is_right) {
    right = tinynn_right(record, p->output_zero_point);
  }
  const struct channel channel = {
      .taps = p->weights + o * p->kernel_height * p->kernel_width,
      .height = p->kernel_height,
      .width = p->kernel_width,
      .row_step = p->dilation_y * columns,
      .stride = p->stride_x,
      .dilation = p->dilation_x,
      .bias = record->bias,
  };
  const int is_five = p->kernel_width == 5 && p->stride_x == 1 && p->dilation_x == 1;
  for (int32_t y = 0; y < p->output_height; ++y) {
    const int8_t *row = plane;
    for (int32_t left = p->output_width; left > 0; left -= OUTPUTS) {
      int32_t sums[OUTPUTS];
      if (is_five) {
        sum_five(&channel, row, sums);
      } else {
        sum_any(&channel, row, sums);
      }
#pragma GCC unroll 1
      for (int32_t i = 0; i < tinynn_smaller(OUTPUTS, left); ++i) {
        const int32_t value = is_right ? tinynn_rescale_right(sums[i], right)
                                       : tinynn_by_definition(sums[i], record, p->output_zero_point);
        *output = (int8_t)tinynn_clamp(value, p->lowest, p->highest);
        output += p->output_channels;
      }
      row += OUTPUTS * p->stride_x;
    }
    plane += p->stride_y * columns;
  }
}

void tinynn_depthwise_c(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                        void *restrict scratch) {
  int8_t *restrict values = scratch;
  const struct tinynn_plane plane = tinynn_plane_of_taps(p, 1);
  for (int32_t i = 0; i < plane.rows * plane.columns + (OUTPUTS - 1) * p->stride_x; ++i) {
    values[i] = (int8_t)p->input_zero_point;
  }
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t c = 0; c < p->input_channels; ++c) {
      tinynn_copy_channel(values + plane.inner, input + c, plane, p->input_channels, p->input_width * p->input_channels);
      for (int32_t o = c * p->depth_multiplier; o < (c + 1) * p->depth_multiplier; ++o) {
        compute_channel(p, values, plane.columns, o, output + o);
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
    output += p->output_height * p->output_width * p->output_channels;
  }
}
