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

static void fill(int16_t *plane, int32_t columns, int32_t rows, int32_t value) {
  const tinynn_pair pair = tinynn_twice(value);
  for (int32_t i = 0; i < rows * columns; i += 2) {
    tinynn_store_word(plane + i, pair);
  }
}

/* One channel's `width` × `height` values, `channels` bytes apart, into the plane's inner part. */
static void copy_channel(int16_t *restrict to, const int8_t *restrict from, int32_t columns, int32_t width,
                         int32_t height, int32_t channels, int32_t line_bytes) {
  for (; height > 0; --height) {
    const int8_t *restrict pixel = from;
    int16_t *restrict column = to;
    int32_t left = width;
    for (; left >= 4; left -= 4) {
      column[0] = pixel[0];
      column[1] = pixel[channels];
      column[2] = pixel[2 * channels];
      column[3] = pixel[3 * channels];
      pixel += 4 * channels;
      column += 4;
    }
    for (; left > 0; --left) {
      *column++ = *pixel;
      pixel += channels;
    }
    to += columns;
    from += line_bytes;
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
  struct tinynn_plane3x3 plane = {scratch,   output,
                                  channels,  p->output_width,
                                  p->output_height, row_bytes,
                                  p->stride_y * row_bytes, 2 * p->output_zero_point + 1};
  fill(scratch, columns, rows, p->input_zero_point);
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t c = 0; c < channels; ++c) {
      copy_channel(inner, input + c, columns, width, height, channels, p->input_width * channels);
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
