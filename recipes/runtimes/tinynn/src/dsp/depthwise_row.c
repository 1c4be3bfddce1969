/* DEPTHWISE_CONV_2D, int8, taps and columns in one row, stride 1: the formula of ref/depthwise.c, four channels at a time.
 *
 * Their columns are widened to pairs of 16 bits, padding around them, before their first output is written: input and
 * output may begin at one address. One channel after the other, row.S takes two taps by one SMLAD.
 * Packing: for each two channels a, b, each pair of taps as a0 b0 a1 b1, pairs filled up to chunks of three, int8, one
 * tap of zeros at least; records as in rescale_right.h.
 * Scratch: two channels' taps as in row.h; [pairs of columns][4 channels] words.
 */
#include "tinynn.h"
#include "tinynn/dsp/bytes.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/row.h"

#if defined(__ARM_FEATURE_DSP)

enum { CHANNELS = 4, OUTPUTS = 4, CHUNK = 3 };

/* Two columns of four channels, as pairs of each channel. */
static inline tinynn_pair *widen_two(tinynn_pair *restrict to, uint32_t first, uint32_t second) {
  const uint32_t lower = tinynn_lower_halves(first, second), upper = tinynn_upper_halves(first, second);
  to[0] = tinynn_even_bytes(lower);
  to[1] = tinynn_odd_bytes(lower);
  to[2] = tinynn_even_bytes(upper);
  to[3] = tinynn_odd_bytes(upper);
  return to + CHANNELS;
}

/* Of four channels; of padding where the input has none. */
static inline uint32_t column(const struct tinynn_depthwise *restrict p, const int8_t *input, int32_t x) {
  return x >= 0 && x < p->input_width ? tinynn_load_word(input + x * p->input_channels)
                                      : tinynn_four_times(p->input_zero_point);
}

/* Columns from -pad_left on; those behind the last one are padding, too. */
static __attribute__((noinline)) void widen_columns(const struct tinynn_depthwise *restrict p,
                                                    const int8_t *restrict input, tinynn_pair *restrict to,
                                                    const tinynn_pair *end) {
  const int32_t pitch = p->input_channels;
  int32_t x = -p->pad_left;
  for (; x < 0 && to < end; x += 2) {
    to = widen_two(to, column(p, input, x), column(p, input, x + 1));
  }
  const int8_t *from = input + x * pitch;
  const tinynn_pair *inner = to + (p->input_width - x) / 2 * CHANNELS;
  if (inner > end) {
    inner = end;
  }
  x += (int32_t)(inner - to) / CHANNELS * 2;
#pragma GCC unroll 1
  for (; to < inner; from += 2 * pitch) {
    to = widen_two(to, tinynn_load_word(from), tinynn_load_word(from + pitch));
  }
#pragma GCC unroll 1
  for (; to < end; x += 2) {
    to = widen_two(to, column(p, input, x), column(p, input, x + 1));
  }
}

/* Two channels' taps, `pairs` each, the second one's behind the first one's. */
static inline void widen_taps(const int8_t *restrict from, int32_t pairs, tinynn_pair *restrict to) {
  tinynn_pair *restrict other = to + 2 * pairs;
  tinynn_pair before = 0, other_before = 0;
#pragma GCC unroll 1
  for (int32_t i = 0; i < pairs; ++i) {
    const uint32_t taps = tinynn_load_word(from + 4 * i);
    const tinynn_pair even = tinynn_even_bytes(taps), other_even = tinynn_odd_bytes(taps);
    *to++ = even;
    *to++ = before >> 16 | even << 16;
    *other++ = other_even;
    *other++ = other_before >> 16 | other_even << 16;
    before = even;
    other_before = other_even;
  }
}

void tinynn_depthwise_row_dsp(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                              void *restrict scratch) {
  const int32_t channels = p->input_channels;
  const int32_t pairs = (p->kernel_width / 2 + CHUNK) / CHUNK * CHUNK;
  tinynn_pair *taps = scratch, *columns = taps + 2 * 2 * pairs;
  const tinynn_pair *end = columns + CHANNELS * (2 * ((p->output_width + OUTPUTS - 1) / OUTPUTS) - 1 + pairs);
  struct tinynn_row row = {.zero_twice_plus1 = 2 * p->output_zero_point + 1,
                           .back_bytes = 16 * pairs - 32,
                           .pitch = channels,
                           .outputs = p->output_width,
                           .pitch_thrice = 3 * channels};
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *weights = p->weights;
    for (int32_t c = 0; c < channels; c += CHANNELS) {
      widen_columns(p, input + c, columns, end);
      row.output = output + c;
      for (int32_t i = 0; i < CHANNELS; ++i) {
        if (i % 2 == 0) {
          widen_taps(weights, pairs, taps);
          weights += 4 * pairs;
        }
        row.x = columns + i;
        row.taps = taps + i % 2 * 2 * pairs;
        row.end = taps + (1 + i % 2) * 2 * pairs;
        tinynn_row_dsp(&row, &p->channels[c + i]);
        ++row.output;
      }
    }
    const int32_t count = p->output_width * channels;
    if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
      tinynn_clamp_dsp(output, count, p->lowest, p->highest);
    }
    input += p->input_width * channels;
    output += count;
  }
}

#endif
