/* DEPTHWISE_CONV_2D, int8, one output pixel whose window is the whole input: the formula of ref/depthwise.c, four channels
 * at a time, two taps by one SMLAD.
 *
 * Four channels are read before their outputs are written: input and output may begin at one address.
 * Packing: [four channels a b c d][pairs of taps] a0 b0 a1 b1 c0 d0 c1 d1, int8; records as in rescale_right.h.
 */
#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"

#if defined(__ARM_FEATURE_DSP)

enum { CHANNELS = 4 };

/* Two taps of each channel. */
static inline void add_pair(int32_t sums[CHANNELS], uint32_t first, uint32_t second, const int8_t *weights) {
  const uint32_t lower = tinynn_lower_halves(first, second), upper = tinynn_upper_halves(first, second);
  const uint32_t lower_weights = tinynn_load_word(weights), upper_weights = tinynn_load_word(weights + 4);
  sums[0] = tinynn_multiply_pairs(tinynn_even_bytes(lower), tinynn_even_bytes(lower_weights), sums[0]);
  sums[1] = tinynn_multiply_pairs(tinynn_odd_bytes(lower), tinynn_odd_bytes(lower_weights), sums[1]);
  sums[2] = tinynn_multiply_pairs(tinynn_even_bytes(upper), tinynn_even_bytes(upper_weights), sums[2]);
  sums[3] = tinynn_multiply_pairs(tinynn_odd_bytes(upper), tinynn_odd_bytes(upper_weights), sums[3]);
}

void tinynn_depthwise_pixel_dsp(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                                void *restrict scratch) {
  (void)scratch;
  const int32_t channels = p->input_channels, taps = p->kernel_height * p->kernel_width;
  const int32_t zero_twice_plus1 = 2 * p->output_zero_point + 1;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *restrict weights = p->weights;
    const struct tinynn_channel *restrict record = p->channels;
    for (int32_t c = 0; c < channels; c += CHANNELS) {
      const int8_t *from = input + c;
      int32_t sums[CHANNELS] = {record[0].bias, record[1].bias, record[2].bias, record[3].bias};
#pragma GCC unroll 1
      for (int32_t left = taps / 2; left > 0; --left) {
        add_pair(sums, tinynn_load_word(from), tinynn_load_word(from + channels), weights);
        from += 2 * channels;
        weights += 2 * CHANNELS;
      }
      if (taps % 2 != 0) {
        add_pair(sums, tinynn_load_word(from), 0, weights);
        weights += 2 * CHANNELS;
      }
      for (int32_t i = 0; i < CHANNELS; ++i, ++record) {
        const int32_t high = tinynn_high_by_factor(sums[i], record->multiplier);
        const int32_t offset = zero_twice_plus1 * (INT32_C(1) << record->shift);
        output[c + i] = (int8_t)tinynn_saturate_half((high + (high >> 31) + offset) >> record->shift);
      }
    }
    if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
      tinynn_clamp_dsp(output, channels, p->lowest, p->highest);
    }
    input += taps * channels;
    output += channels;
  }
}

#endif
