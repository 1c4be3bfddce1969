/* DEPTHWISE_CONV_2D by Xtensa's MAC16, 3×3 taps, depth multiplier 1, a stride of 2 at most: the formula of ref/depthwise.c, one channel
 * after the other, each with padding around it as halves; row3x3.S computes sums along the longer side, outputs.S outputs.
 *
 * Packing: [channel][3][3] int8; records of backends/tinynn/lines.py, or as in rescale_right.h.
 * Scratch: [(output_height - 1) * stride_y + 3][(output_width - 1) * stride_x + 3] halves, rows of whole words; sums of a row and one
 * more. With rows for columns where there are more of them.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/line.h"
#include "tinynn/plane.h"
#include "tinynn/rescale_right.h"

enum { TAPS = 3, PAIRS = 5 };

/* Sums along a row. */
struct tinynn_row3x3 {
  const int16_t *rows[TAPS];
  int32_t taps[PAIRS]; /* as pairs of halves */
  int32_t bias;
  int32_t *sums;
  int32_t count, stride;
};

void tinynn_row3x3_mac16(const struct tinynn_row3x3 *job);
void tinynn_outputs_mac16(const int32_t *sums, int8_t *output, int32_t count, int32_t pitch, const struct tinynn_line *line,
                             const int32_t clamp[2]);

/* One channel's values; `step` and `line_step`: bytes from a value to the next in a line, and to another's. */
static inline void widen_lines(int16_t *restrict to, const int8_t *restrict from, struct tinynn_plane plane, int32_t step,
                               int32_t line_step) {
  for (int32_t y = 0; y < plane.height; ++y) {
    const int8_t *restrict value = from;
    for (int32_t left = plane.width; left > 0; --left) {
      *to++ = *value;
      value += step;
    }
    to += plane.columns - plane.width;
    from += line_step;
  }
}

static inline void rescale(const int32_t *restrict sums, int8_t *restrict output, int32_t count, int32_t pitch,
                           struct tinynn_right right, const int32_t *clamp) {
#pragma GCC unroll 1
  for (; count > 0; --count) {
    *output = (int8_t)tinynn_clamp(tinynn_rescale_right(*sums++, right), clamp[0], clamp[1]);
    output += pitch;
  }
}

static inline int32_t pair_of(const int8_t *taps, int32_t first, int32_t second) {
  return (taps[first] & 0xffff) + taps[second] * 65536;
}

static inline __attribute__((always_inline)) void by_planes(const struct tinynn_depthwise *restrict layer,
                                                            const int8_t *input, int8_t *output, void *restrict scratch,
                                                            const int is_line) {
  const int is_turned = layer->output_height > layer->output_width;
  const struct tinynn_depthwise p = is_turned ? tinynn_turned(*layer) : *layer;
  const int32_t channels = p.input_channels, right = is_turned ? TAPS : 1, down = is_turned ? 1 : TAPS;
  const int32_t given = is_turned ? p.input_height * channels : channels;
  const int32_t given_line = is_turned ? channels : p.input_width * channels;
  const int32_t made = is_turned ? p.output_height * channels : channels;
  const int32_t made_line = is_turned ? channels : p.output_width * channels;
  const struct tinynn_plane plane = tinynn_plane(&p, TAPS, TAPS, 2);
  const int32_t clamp[2] = {p.lowest, p.highest};
  int16_t *restrict values = scratch;
  for (int32_t i = 0; i < plane.rows * plane.columns; ++i) {
    values[i] = (int16_t)p.input_zero_point;
  }
  struct tinynn_row3x3 job = {.count = p.output_width, .stride = p.stride_x};
  job.sums = (int32_t *)(void *)(values + plane.rows * plane.columns);
  for (int32_t n = 0; n < p.batches; ++n) {
    const int8_t *taps = p.weights;
    for (int32_t c = 0; c < channels; ++c) {
      const struct tinynn_line line = tinynn_line(&p.channels[c], p.output_zero_point, p.lowest);
      const struct tinynn_right rescaling = tinynn_right(&p.channels[c], p.output_zero_point);
      int8_t *to = output + c;
      widen_lines(values + plane.inner, input + c, plane, given, given_line);
      job.taps[0] = pair_of(taps, 0, right);
      job.taps[1] = pair_of(taps, 2 * right, down);
      job.taps[2] = pair_of(taps, down + right, down + 2 * right);
      job.taps[3] = pair_of(taps, 2 * down, 2 * down + right);
      job.taps[4] = taps[2 * down + 2 * right];
      job.bias = p.channels[c].bias;
      for (int32_t i = 0; i < TAPS; ++i) {
        job.rows[i] = values + i * plane.columns;
      }
      for (int32_t y = 0; y < p.output_height; ++y) {
        tinynn_row3x3_mac16(&job);
        if (is_line) {
          tinynn_outputs_mac16(job.sums, to, p.output_width, made, &line, clamp);
        } else {
          rescale(job.sums, to, p.output_width, made, rescaling, clamp);
        }
        to += made_line;
        for (int32_t i = 0; i < TAPS; ++i) {
          job.rows[i] += p.stride_y * plane.columns;
        }
      }
      taps += TAPS * TAPS;
    }
    input += p.input_height * p.input_width * channels;
    output += p.output_height * p.output_width * channels;
  }
}

void tinynn_depthwise3x3_line_mac16(const struct tinynn_depthwise *restrict layer, const int8_t *input, int8_t *output,
                                    void *restrict scratch) {
  by_planes(layer, input, output, scratch, 1);
}

void tinynn_depthwise3x3_right_mac16(const struct tinynn_depthwise *restrict layer, const int8_t *input, int8_t *output,
                                     void *restrict scratch) {
  by_planes(layer, input, output, scratch, 0);
}
