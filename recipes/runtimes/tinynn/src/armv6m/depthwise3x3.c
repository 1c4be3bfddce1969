/* DEPTHWISE_CONV_2D for Armv6-M and Armv7-M without the DSP extension, 3×3 taps, depth multiplier 1, stride 1: the formula of
 * ref/depthwise.c, one channel after the other, each with padding around it as in c/depthwise3x3.c. Three of its rows are words, which a tap
 * reads for five neighbouring outputs at once (taps9.S); outputs.S makes outputs of sums along the longer side.
 *
 * Packing: [channel][3][3] int8; records of backends/tinynn/lines.py.
 * Scratch: three rows of words, sums of a row, the channel's bytes.
 */
#include "tinynn.h"
#include "tinynn/line.h"
#include "tinynn/plane.h"

enum { TAPS = 3, AT_ONCE = 5 };

struct tinynn_tap {
  const int32_t *values;
  int32_t tap;
};

void tinynn_taps9_armv6m(struct tinynn_tap taps[TAPS * TAPS], int32_t *sums, int32_t *end, int32_t bias);
void tinynn_outputs_armv6m(const int32_t *sums, int8_t *output, int32_t count, int32_t pitch,
                           const struct tinynn_line *line, const int32_t clamp[2]);

static inline void widen(int32_t *restrict to, const int8_t *restrict from, int32_t count) {
  for (; count >= 4; count -= 4) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
    to += 4;
    from += 4;
  }
  for (; count > 0; --count) {
    *to++ = *from++;
  }
}

void tinynn_depthwise3x3_line_armv6m(const struct tinynn_depthwise *restrict layer, const int8_t *input, int8_t *output,
                                     void *restrict scratch) {
  const int is_turned = layer->output_height > layer->output_width;
  const struct tinynn_depthwise p = is_turned ? tinynn_turned(*layer) : *layer;
  const int32_t channels = p.input_channels, right = is_turned ? TAPS : 1, down = is_turned ? 1 : TAPS;
  const int32_t given = is_turned ? p.input_height * channels : channels;
  const int32_t given_line = is_turned ? channels : p.input_width * channels;
  const int32_t made = is_turned ? p.output_height * channels : channels;
  const int32_t made_line = is_turned ? channels : p.output_width * channels;
  const struct tinynn_plane plane = tinynn_plane(&p, TAPS, TAPS, 1);
  const int32_t clamp[2] = {p.lowest, p.highest};
  const int32_t length = (p.output_width + AT_ONCE - 1) / AT_ONCE * AT_ONCE, row_words = length + TAPS - 1;
  int32_t *const words = scratch, *const sums = words + TAPS * row_words;
  int8_t *const values = (int8_t *)(sums + length);
  /* places that no row has, behind the last output, are read */
  for (int32_t i = 0; i < TAPS * row_words; ++i) {
    words[i] = 0;
  }
  for (int32_t i = 0; i < plane.rows * plane.columns; ++i) {
    values[i] = (int8_t)p.input_zero_point;
  }
  for (int32_t n = 0; n < p.batches; ++n) {
    const int8_t *taps = p.weights;
    for (int32_t c = 0; c < channels; ++c) {
      const struct tinynn_line line = tinynn_line(&p.channels[c], p.output_zero_point, p.lowest);
      int32_t *rows[TAPS] = {words, words + row_words, words + 2 * row_words};
      const int8_t *next = values;
      int8_t *to = output + c;
      tinynn_copy_channel(values + plane.inner, input + c, plane, given, given_line);
      for (int32_t y = 0, missing = TAPS; y < p.output_height; ++y, missing = 1) {
        struct tinynn_tap table[TAPS * TAPS];
        for (; missing > 0; --missing) {
          int32_t *const first = rows[0];
          rows[0] = rows[1];
          rows[1] = rows[2];
          rows[2] = first;
          widen(first, next, plane.columns);
          next += plane.columns;
        }
        struct tinynn_tap *tap = table;
        for (int32_t i = 0; i < TAPS; ++i) {
          tap[0].values = rows[i];
          tap[1].values = rows[i] + 1;
          tap[2].values = rows[i] + 2;
          tap[0].tap = taps[i * down];
          tap[1].tap = taps[i * down + right];
          tap[2].tap = taps[i * down + 2 * right];
          tap += TAPS;
        }
        tinynn_taps9_armv6m(table, sums, sums + length, p.channels[c].bias);
        tinynn_outputs_armv6m(sums, to, p.output_width, made, &line, clamp);
        to += made_line;
      }
      taps += TAPS * TAPS;
    }
    input += p.input_height * p.input_width * channels;
    output += p.output_height * p.output_width * channels;
  }
}
