/* DEPTHWISE_CONV_2D with 3×3 taps of one channel after the other, or four: what its dsp variants share.
 *
 * Channels are read as a whole before their first output is written, and no other channel's place is touched: input and
 * output may begin at one address.
 * Scratch, for one channel or four: [(output_height - 1) * stride_y + 3][(output_width - 1) * stride_x + 3, made even] int16.
 */
#ifndef TINYNN_DSP_CHANNELS3X3_H
#define TINYNN_DSP_CHANNELS3X3_H

#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/plane3x3.h"
#include "tinynn/plane.h"

enum { TAPS = 3 };

/* Elements from one to before another, and what else their words have. */
static inline void fill(int16_t *plane, int32_t begin, int32_t end, tinynn_pair pair) {
#pragma GCC unroll 1
  for (int32_t i = begin & ~1; i < end; i += 2) {
    tinynn_store_word(plane + i, pair);
  }
}

/* What is padding of each plane. */
static __attribute__((noinline)) void fill_padding(int16_t *plane, const struct tinynn_plane *size, int32_t planes,
                                                   int32_t value) {
  const tinynn_pair pair = tinynn_twice(value);
  const int32_t columns = size->columns, given = size->height * columns, all = size->rows * columns;
#pragma GCC unroll 1
  for (; planes > 0; --planes, plane += all) {
    int32_t behind = size->inner;
    fill(plane, 0, behind, pair);
#pragma GCC unroll 1
    for (int32_t end = behind + given; behind < end; behind += columns) {
      fill(plane, behind + size->width, tinynn_smaller(behind + columns, all), pair);
    }
    fill(plane, behind, all, pair);
  }
}

/* All outputs of channel c. */
typedef void channel3x3(const struct tinynn_depthwise *p, const struct tinynn_plane3x3 *plane, int32_t c,
                        int32_t is_turned);

/* `at_once`: 1 or 4 channels; `zero`: of the planes; `is_turned`: rows of outputs are computed as columns. */
static inline __attribute__((always_inline)) void channels3x3(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                               void *restrict scratch, int32_t at_once, int32_t zero, int32_t is_turned,
                               channel3x3 *compute) {
  const int32_t channels = p->input_channels;
  const int32_t given_line = p->input_width * channels, made_line = p->output_width * channels;
  const int32_t given = given_line * p->input_height, made = made_line * p->output_height;
  struct tinynn_depthwise other;
  if (is_turned) {
    other = tinynn_turned(*p);
    p = &other;
  }
  const int32_t step = is_turned ? given_line : channels, line = is_turned ? channels : given_line;
  const int32_t pitch = is_turned ? made_line : channels;
  const struct tinynn_plane size = tinynn_plane(p, TAPS, TAPS, 2);
  const int32_t row_bytes = size.columns * 2, plane_bytes = size.rows * row_bytes;
  struct tinynn_plane3x3 plane = {.output_pitch = pitch,
                                  .output_width = p->output_width,
                                  .output_height = p->output_height,
                                  .row_bytes = row_bytes,
                                  .row_step_bytes = p->stride_y * row_bytes,
                                  .zero = zero,
                                  .output_rest = is_turned ? channels - p->output_width * pitch : 0};
  fill_padding(scratch, &size, at_once, p->input_zero_point);
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t c = 0; c < channels; c += at_once) {
      int16_t *to = (int16_t *)scratch + size.inner;
      const int32_t to_rest = row_bytes - 2 * size.width, from_rest = line - size.width * step;
      if (at_once == 1) {
        tinynn_plane3x3_copy_dsp(to, input + c, step, size.width, size.height, to_rest, from_rest);
      } else {
        tinynn_plane3x3_copy_fours_dsp(to, input + c, step, size.width, size.height, to_rest, from_rest, plane_bytes);
      }
      plane.plane = scratch;
      plane.output = output + c;
      for (int32_t i = 0; i < at_once; ++i, ++plane.output) {
        compute(p, &plane, c + i, is_turned);
        plane.plane += plane_bytes / 2;
      }
    }
    if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
      tinynn_clamp_dsp(output, made, p->lowest, p->highest);
    }
    input += given;
    output += made;
  }
}

#endif
