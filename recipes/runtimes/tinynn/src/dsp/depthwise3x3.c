/* DEPTHWISE_CONV_2D, int8, 3×3 taps, depth multiplier 1, horizontal stride 1 or 2: the formula of ref/depthwise.c, one
 * channel after the other (see plane3x3.h).
 *
 * A channel is read as a whole before its first output is written, and no other channel's place is touched: input and
 * output may begin at one address. Packing: [channel][3][3] int8 and one byte more; records as in matrix.h.
 * Scratch: [(output_height - 1) * stride_y + 3][(output_width - 1) * stride_x + 3, made even] int16.
 */
#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/plane3x3.h"

#if defined(__ARM_FEATURE_DSP)

enum { TAPS = 3 };

static inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

static __attribute__((noinline)) void fill(int16_t *plane, int32_t columns, int32_t rows, int32_t value) {
  const tinynn_pair pair = tinynn_twice(value);
#pragma GCC unroll 1
  for (int32_t i = 0; i < rows * columns; i += 2) {
    tinynn_store_word(plane + i, pair);
  }
}

void tinynn_depthwise3x3_dsp(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                             void *restrict scratch) {
  const int32_t channels = p->input_channels;
  const int32_t rows = (p->output_height - 1) * p->stride_y + TAPS;
  const int32_t columns = ((p->output_width - 1) * p->stride_x + TAPS + 1) / 2 * 2;
  const int32_t row_bytes = columns * 2;
  const int32_t width = smaller(p->input_width, columns - p->pad_left);
  const int32_t height = smaller(p->input_height, rows - p->pad_top);
  int16_t *inner = (int16_t *)scratch + p->pad_top * columns + p->pad_left;
  struct tinynn_plane3x3 plane = {.plane = scratch,
                                  .output_pitch = channels,
                                  .output_width = p->output_width,
                                  .output_height = p->output_height,
                                  .row_bytes = row_bytes,
                                  .row_step_bytes = p->stride_y * row_bytes,
                                  .zero_twice_plus1 = 2 * p->output_zero_point + 1};
  fill(scratch, columns, rows, p->input_zero_point);
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t c = 0; c < channels; ++c) {
      tinynn_plane3x3_copy_dsp(inner, input + c, channels, width, height, row_bytes - 2 * width,
                               (p->input_width - width) * channels);
      plane.output = output + c;
      if (p->stride_x == 1) {
        tinynn_plane3x3_stride1_dsp(&plane, p->weights + c * TAPS * TAPS, &p->channels[c]);
      } else {
        tinynn_plane3x3_stride2_dsp(&plane, p->weights + c * TAPS * TAPS, &p->channels[c]);
      }
    }
    const int32_t count = p->output_height * p->output_width * channels;
    if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
      tinynn_clamp_dsp(output, count, p->lowest, p->highest);
    }
    input += p->input_height * p->input_width * channels;
    output += count;
  }
}

#endif
