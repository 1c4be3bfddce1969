/* DEPTHWISE_CONV_2D, int8, any kernel whose columns are neighbours: the formula of ref/depthwise.c, one channel after
 * the other, four outputs of a row at a time, two taps by one SMLAD. Kernels of 5x5 and 7x7 are in planes.S.
 *
 * A channel is brought together (plane.h), widened to 16 bits, before its first output is written, and with depth
 * multiplier 1 no other channel's place is touched: input and output may begin at one address. What is computed behind a
 * row's last output is dropped.
 * Packing: [output channel][kernel_height][kernel_width] int8; records as in any_shift.h.
 * Scratch: pairs of taps, [kernel_height][kernel_width / 2 + 1][2] words; the plane, columns even, and
 * 3 * stride_x + 2, made even, more, int16.
 */
#include <stddef.h>

#include "tinynn.h"
#include "tinynn/any_shift.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/planes.h"
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

/* The pair in the middle of four taps, of which `even` has the first and the third. */
static inline tinynn_pair middle_of(tinynn_pair even, tinynn_pair odd) {
  return (odd & UINT32_C(0xffff)) | (even & UINT32_C(0xffff0000));
}

/* The same for planes.S, of five or seven columns and as many rows; of stride 2 without the pairs in between. */
static __attribute__((noinline)) void make_square(const int8_t *restrict taps, int32_t width, int32_t stride,
                                                  tinynn_pair *restrict to) {
  const int32_t step = stride == 1 ? 2 : 1;
#pragma GCC unroll 1
  for (int32_t ky = 0; ky < width; ++ky) {
    const uint32_t word = tinynn_load_word(taps);
    const tinynn_pair even = tinynn_even_bytes(word), odd = tinynn_odd_bytes(word);
    /* taps 3 to 6; the second of them is the last of five */
    const uint32_t others = width == 5 ? (uint32_t)(uint8_t)taps[4] << 8 : tinynn_load_word(taps + 3);
    const tinynn_pair behind = tinynn_odd_bytes(others), before = tinynn_even_bytes(others);
    if (width == 7) {
      to[4 * step - 1] = tinynn_upper_halves(before, behind); /* of stride 2 the next one's place */
      to[3 * step] = behind >> 16;
    }
    if (stride == 1) {
      to[1] = even << 16;
      to[3] = middle_of(even, odd);
      to[5] = tinynn_upper_halves(odd, behind << 16);
    }
    to[0] = tinynn_lower_halves(even, odd);
    to[step] = tinynn_upper_halves(even, odd);
    to[2 * step] = middle_of(before, behind);
    taps += width;
    to += step * (width / 2 + 1);
  }
}

static tinynn_plane_function *function_of(const struct tinynn_depthwise *p) {
  const int32_t is_square = p->kernel_height == p->kernel_width && p->stride_x <= 2;
  if (is_square && p->kernel_width == 5) {
    return p->stride_x == 1 ? tinynn_plane5_stride1_dsp : tinynn_plane5_stride2_dsp;
  }
  if (is_square && p->kernel_width == 7) {
    return p->stride_x == 1 ? tinynn_plane7_stride1_dsp : tinynn_plane7_stride2_dsp;
  }
  return NULL;
}

static void compute_square(const struct tinynn_depthwise *restrict p, tinynn_plane_function *function,
                           tinynn_pair *restrict taps, const int16_t *restrict plane, int32_t columns, int32_t o,
                           int8_t *output) {
  const struct tinynn_plane3x3 square = {.plane = plane,
                                         .output = output,
                                         .output_pitch = p->output_channels,
                                         .output_width = p->output_width,
                                         .output_height = p->output_height,
                                         .row_bytes = 2 * p->dilation_y * columns,
                                         .row_step_bytes = 2 * p->stride_y * columns,
                                         .zero = 2 * p->output_zero_point + 1};
  make_square(p->weights + o * p->kernel_height * p->kernel_width, p->kernel_width, p->stride_x, taps);
  function(&square, taps, &p->channels[o]);
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
  const int32_t is_right = tinynn_is_right(record);
  const int32_t offset = (2 * p->output_zero_point + 1) * (INT32_C(1) << (is_right ? shift : 0));
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
        if (is_right) {
          const int32_t high = tinynn_high_by_factor(sums[i], factor);
          *output = (int8_t)tinynn_saturate_half((high + (high >> 31) + offset) >> shift);
        } else {
          const int32_t value = tinynn_by_definition(sums[i], record, p->output_zero_point);
          *output = (int8_t)tinynn_clamp(value, INT8_MIN, INT8_MAX);
        }
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
  tinynn_plane_function *const function = function_of(p);
  fill(values, plane.rows * plane.columns + (OUTPUTS - 1) * p->stride_x + 2, p->input_zero_point);
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t c = 0; c < channels; ++c) {
      tinynn_plane3x3_copy_dsp(values + plane.inner, input + c, channels, plane.width, plane.height,
                               2 * (plane.columns - plane.width), (p->input_width - plane.width) * channels);
      for (int32_t o = c * p->depth_multiplier; o < (c + 1) * p->depth_multiplier; ++o) {
        if (function != NULL && tinynn_is_right(&p->channels[o])) {
          compute_square(p, function, taps, values, plane.columns, o, output + o);
        } else {
          compute_channel(p, taps, values, plane.columns, o, output + o);
        }
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
