/* DEPTHWISE_CONV_2D, int8, any kernel whose columns are neighbours: the formula of ref/depthwise.c, one channel after
 * the other, four outputs of a row at a time, two taps by one SMLAD.
 *
 * A channel is brought together (plane.h), widened to 16 bits, before its first output is written, and with depth
 * multiplier 1 no other channel's place is touched: input and output may begin at one address. What is computed behind a
 * row's last output is dropped.
 * Packing: [output channel][kernel_height][kernel_width] int8; records as in rescale_right.h.
 * Scratch: pairs of taps, [kernel_height][kernel_width / 2 + 1][2] words; the plane, columns even, and
 * 3 * stride_x + 2, made even, more, int16.
 */
#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/plane3x3.h"
#include "tinynn/plane.h"

#if defined(__ARM_FEATURE_DSP)

enum { OUTPUTS = 4 };

static inline tinynn_pair pair_of(int32_t low, int32_t high) {
  return (uint32_t)(uint16_t)low | (uint32_t)high << 16;
}

/* Each row's taps as pairs (0, 1), (2, 3) …, for an output at an even column, and between them the pairs (-1, 0),
 * (1, 2) … for its neighbour; what is not there is 0. */
static __attribute__((noinline)) void make_pairs(const struct tinynn_depthwise *restrict p,
                                                 const int8_t *restrict taps, tinynn_pair *restrict to) {
  const int32_t width = p->kernel_width;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    int32_t before = 0;
    for (int32_t kx = 0; kx <= width; kx += 2) {
      const int32_t first = kx < width ? taps[kx] : 0, second = kx + 1 < width ? taps[kx + 1] : 0;
      *to++ = pair_of(first, second);
      *to++ = pair_of(before, first);
      before = second;
    }
    taps += width;
  }
}

/* What is constant for one channel. */
struct channel {
  const tinynn_pair *taps;
  int32_t height, pairs, row_step;
  int32_t stride;
  int32_t bias;
};

/* At columns 0, 1, 2, 3 behind an even one. */
static inline struct tinynn_sums add_pair(struct tinynn_sums sums, tinynn_pair first, tinynn_pair second, const tinynn_pair *taps) {
  const tinynn_pair even = taps[0], odd = taps[1];
  const struct tinynn_sums added = {
      tinynn_multiply_pairs(first, even, sums.s0), tinynn_multiply_pairs(first, odd, sums.s1),
      tinynn_multiply_pairs(second, even, sums.s2), tinynn_multiply_pairs(second, odd, sums.s3)};
  return added;
}

/* Kernels of four and five columns that begin at `row` and its neighbours. */
static __attribute__((noinline)) void sum_five(const struct channel *restrict channel, const int16_t *restrict row,
                                               int32_t *restrict to) {
  struct tinynn_sums sums = {channel->bias, channel->bias, channel->bias, channel->bias};
  const tinynn_pair *restrict taps = channel->taps;
#pragma GCC unroll 1
  for (int32_t ky = channel->height; ky > 0; --ky) {
    const tinynn_pair *x = (const tinynn_pair *)(const void *)row;
    sums = add_pair(sums, x[0], x[1], taps);
    sums = add_pair(sums, x[1], x[2], taps + 2);
    sums = add_pair(sums, x[2], x[3], taps + 4);
    taps += 6;
    row += channel->row_step;
  }
  tinynn_store_sums(sums, to);
}

static __attribute__((noinline)) void sum_neighbours(const struct channel *restrict channel,
                                                     const int16_t *restrict row, int32_t *restrict to) {
  struct tinynn_sums sums = {channel->bias, channel->bias, channel->bias, channel->bias};
  const tinynn_pair *restrict taps = channel->taps;
#pragma GCC unroll 1
  for (int32_t ky = channel->height; ky > 0; --ky) {
    const tinynn_pair *x = (const tinynn_pair *)(const void *)row;
    tinynn_pair first = *x++;
#pragma GCC unroll 1
    for (const tinynn_pair *end = taps + 2 * channel->pairs; taps < end; taps += 2) {
      const tinynn_pair second = *x++;
      sums = add_pair(sums, first, second, taps);
      first = second;
    }
    row += channel->row_step;
  }
  tinynn_store_sums(sums, to);
}

/* Kernels that begin at `row` and at each stride behind it. */
static __attribute__((noinline)) void sum_any(const struct channel *restrict channel, const int16_t *restrict row,
                                              int32_t *restrict to) {
  struct tinynn_sums sums = {channel->bias, channel->bias, channel->bias, channel->bias};
  const tinynn_pair *restrict taps = channel->taps;
  const int32_t stride = channel->stride;
#pragma GCC unroll 1
  for (int32_t ky = channel->height; ky > 0; --ky) {
    const int16_t *x = row;
#pragma GCC unroll 1
    for (const tinynn_pair *end = taps + 2 * channel->pairs; taps < end; taps += 2) {
      const tinynn_pair even = *taps;
      sums.s0 = tinynn_multiply_pairs(tinynn_load_word(x), even, sums.s0);
      sums.s1 = tinynn_multiply_pairs(tinynn_load_word(x + stride), even, sums.s1);
      sums.s2 = tinynn_multiply_pairs(tinynn_load_word(x + 2 * stride), even, sums.s2);
      sums.s3 = tinynn_multiply_pairs(tinynn_load_word(x + 3 * stride), even, sums.s3);
      x += 2;
    }
    row += channel->row_step;
  }
  tinynn_store_sums(sums, to);
}

static __attribute__((noinline)) void compute_channel(const struct tinynn_depthwise *restrict p,
                                                      tinynn_pair *restrict taps, const int16_t *restrict plane,
                                                      int32_t columns, int32_t o, int8_t *output) {
  const struct tinynn_channel *record = &p->channels[o];
  const int32_t factor = record->multiplier, shift = record->shift;
  const int32_t offset = (2 * p->output_zero_point + 1) * (INT32_C(1) << shift);
  const struct channel channel = {
      .taps = taps,
      .height = p->kernel_height,
      .pairs = p->kernel_width / 2 + 1,
      .row_step = p->dilation_y * columns,
      .stride = p->stride_x,
      .bias = record->bias,
  };
  make_pairs(p, p->weights + o * p->kernel_height * p->kernel_width, taps);
  for (int32_t y = 0; y < p->output_height; ++y) {
    const int16_t *row = plane;
    for (int32_t left = p->output_width; left > 0; left -= OUTPUTS) {
      int32_t sums[OUTPUTS];
      if (channel.stride != 1) {
        sum_any(&channel, row, sums);
      } else if (channel.pairs == 3) {
        sum_five(&channel, row, sums);
      } else {
        sum_neighbours(&channel, row, sums);
      }
#pragma GCC unroll 1
      for (int32_t i = 0; i < tinynn_smaller(OUTPUTS, left); ++i) {
        const int32_t high = tinynn_high_by_factor(sums[i], factor);
        *output = (int8_t)tinynn_saturate_half((high + (high >> 31) + offset) >> shift);
        output += p->output_channels;
      }
      row += OUTPUTS * p->stride_x;
    }
    plane += p->stride_y * columns;
  }
}

static __attribute__((noinline)) void fill(int16_t *to, int32_t count, int32_t value) {
  const tinynn_pair pair = tinynn_twice(value);
#pragma GCC unroll 1
  for (int32_t i = 0; i < count; i += 2) {
    tinynn_store_word(to + i, pair);
  }
}

void tinynn_depthwise_dsp(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                          void *restrict scratch) {
  tinynn_pair *taps = scratch;
  int16_t *values = (int16_t *)(taps + p->kernel_height * (p->kernel_width / 2 + 1) * 2);
  const struct tinynn_plane plane = tinynn_plane_of_taps(p, 2);
  const int32_t channels = p->input_channels;
  fill(values, plane.rows * plane.columns + (OUTPUTS - 1) * p->stride_x + 2, p->input_zero_point);
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t c = 0; c < channels; ++c) {
      tinynn_plane3x3_copy_dsp(values + plane.inner, input + c, channels, plane.width, plane.height,
                               2 * (plane.columns - plane.width), (p->input_width - plane.width) * channels);
      for (int32_t o = c * p->depth_multiplier; o < (c + 1) * p->depth_multiplier; ++o) {
        compute_channel(p, taps, values, plane.columns, o, output + o);
      }
    }
    const int32_t count = p->output_height * p->output_width * p->output_channels;
    if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
      tinynn_clamp_dsp(output, count, p->lowest, p->highest);
    }
    input += p->input_height * p->input_width * channels;
    output += count;
  }
}

#endif
