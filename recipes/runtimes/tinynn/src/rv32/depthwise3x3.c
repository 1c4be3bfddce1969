/* DEPTHWISE_CONV_2D for RV32IM, 3×3 taps, depth multiplier 1: the formula of ref/depthwise.c, one channel after the other,
 * each with padding around it as in c/depthwise3x3.c; plane3x3.S computes its outputs along the longer side.
 *
 * Packing: [channel][3][3] int8; records as in rescale_right.h, or of backends/tinynn/lines.py.
 * Scratch: [(output_height - 1) * stride_y + 3][(output_width - 1) * stride_x + 3] int8.
 */
#include "tinynn.h"
#include "tinynn/plane.h"
#include "tinynn/rescale_right.h"

enum { TAPS = 3 };

/* One channel, by lines of outputs. */
struct tinynn_plane3x3 {
  const int8_t *taps, *plane;
  int32_t columns, line_step; /* bytes from a row of the plane to the next, and from a line's first row to the next line's */
  int32_t stride, length, lines;
  int8_t *output;
  int32_t output_step, output_skip; /* bytes from output to output, and more from line to line */
  struct tinynn_right right;
  int32_t bias, lowest, highest;
};

typedef void plane_function(const struct tinynn_plane3x3 *job);
plane_function tinynn_plane3x3_rv32, tinynn_plane3x3_line_rv32;

/* A pointer that is added to, where compilers would rather add to four. */
static inline const int8_t *next(const int8_t *value, int32_t step) {
  value += step;
  __asm__("" : "+r"(value));
  return value;
}

/* One channel's values to the plane; `step` and `line_step`: bytes from a value to the next in a line, and to another's. */
static inline void copy_lines(int8_t *restrict to, const int8_t *restrict from, struct tinynn_plane plane, int32_t step,
                              int32_t line_step) {
  const int32_t fours = plane.width & ~3;
  for (int32_t y = 0; y < plane.height; ++y) {
    const int8_t *restrict value = from;
    for (int8_t *end = to + fours; to != end; to += 4) {
      to[0] = *value;
      value = next(value, step);
      to[1] = *value;
      value = next(value, step);
      to[2] = *value;
      value = next(value, step);
      to[3] = *value;
      value = next(value, step);
    }
    for (int32_t x = fours; x < plane.width; ++x) {
      *to++ = *value;
      value += step;
    }
    to += plane.columns - plane.width;
    from += line_step;
  }
}

static inline __attribute__((always_inline)) void by_planes(const struct tinynn_depthwise *restrict layer,
                                                            const int8_t *input, int8_t *output,
                                                            void *restrict scratch, plane_function *plane3x3,
                                                            const int is_line) {
  const int is_turned = layer->output_height > layer->output_width;
  const struct tinynn_depthwise p = is_turned ? tinynn_turned(*layer) : *layer;
  const int32_t channels = p.input_channels;
  const int32_t given = is_turned ? p.input_height * channels : channels;
  const int32_t given_line = is_turned ? channels : p.input_width * channels;
  const int32_t made = is_turned ? p.output_height * channels : channels;
  const int32_t made_line = is_turned ? channels : p.output_width * channels;
  const struct tinynn_plane plane = tinynn_plane(&p, TAPS, TAPS, 1);
  int8_t taps[TAPS * TAPS];
  int8_t *restrict values = scratch;
  struct tinynn_plane3x3 job = {.plane = values,
                                .columns = plane.columns,
                                .line_step = p.stride_y * plane.columns,
                                .stride = p.stride_x,
                                .length = p.output_width,
                                .lines = p.output_height,
                                .output_step = made,
                                .output_skip = made_line - p.output_width * made,
                                .lowest = p.lowest,
                                .highest = p.highest};
  for (int32_t i = 0; i < plane.rows * plane.columns; ++i) {
    values[i] = (int8_t)p.input_zero_point;
  }
  for (int32_t n = 0; n < p.batches; ++n) {
    job.taps = p.weights;
    for (int32_t c = 0; c < channels; ++c) {
      const struct tinynn_channel *channel = &p.channels[c];
      copy_lines(values + plane.inner, input + c, plane, given, given_line);
      if (is_turned) {
        for (int32_t i = 0; i < TAPS * TAPS; ++i) {
          taps[i] = p.weights[c * TAPS * TAPS + i % TAPS * TAPS + i / TAPS];
        }
        job.taps = taps;
      }
      job.output = output + c;
      job.bias = channel->bias;
      if (is_line) {
        const int32_t offset = (int32_t)((uint32_t)channel->shift >> 5);
        job.right = (struct tinynn_right){channel->multiplier, channel->shift, offset + p.lowest * (1 << (channel->shift & 31))};
      } else {
        job.right = tinynn_right(channel, p.output_zero_point);
      }
      plane3x3(&job);
      job.taps += TAPS * TAPS;
    }
    input += p.input_height * p.input_width * channels;
    output += p.output_height * p.output_width * channels;
  }
}

void tinynn_depthwise3x3_rv32(const struct tinynn_depthwise *restrict layer, const int8_t *input, int8_t *output,
                              void *restrict scratch) {
  by_planes(layer, input, output, scratch, tinynn_plane3x3_rv32, 0);
}

void tinynn_depthwise3x3_line_rv32(const struct tinynn_depthwise *restrict layer, const int8_t *input, int8_t *output,
                                   void *restrict scratch) {
  by_planes(layer, input, output, scratch, tinynn_plane3x3_line_rv32, 1);
}
