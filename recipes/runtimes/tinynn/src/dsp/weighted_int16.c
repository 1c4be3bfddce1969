/* DEPTHWISE_CONV_2D and FULLY_CONNECTED of int16 where sums have 32 bits: the formulas of ref/weighted_int16.c. */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include <string.h>

#include "tinynn/depthwise_int16.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/rows.h"

/* Two words of activations, and weights in the order in which SXTB16 takes them: channels 0 and 2, 1 and 3. */
static inline void sum_four(const int16_t *from, const int8_t *weights, const struct tap *taps, int32_t count,
                            int32_t *restrict sums) {
  int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
#pragma GCC unroll 1
  for (; count > 0; --count) {
    const int16_t *x = from + taps->input;
    const tinynn_pair low = tinynn_load_word(x), high = tinynn_load_word(x + 2);
    const uint32_t bytes = tinynn_load_word(weights + taps->weights);
    const tinynn_pair even = tinynn_even_bytes(bytes), odd = tinynn_odd_bytes(bytes);
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sum0) : "r"(low), "r"(even));
    __asm__("smlatb %0, %1, %2, %0" : "+r"(sum1) : "r"(low), "r"(odd));
    __asm__("smlabt %0, %1, %2, %0" : "+r"(sum2) : "r"(high), "r"(even));
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sum3) : "r"(high), "r"(odd));
    ++taps;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

void tinynn_depthwise_int16_dsp(const struct tinynn_depthwise *restrict p, const int16_t *input,
                                int16_t *output, void *restrict scratch) {
  depthwise_int16(p, input, output, scratch);
}

/* Scratch: the inputs filled up to groups of four, where they are not whole ones. */
void tinynn_fully_connected_int16_dsp(const struct tinynn_fully_connected *restrict p, const int16_t *input,
                                      int16_t *output, void *restrict scratch) {
  const int32_t groups = (p->inputs + 3) / 4;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int16_t *inputs = input;
    if (p->inputs % 4 != 0) {
      inputs = memcpy(scratch, input, 2 * (size_t)p->inputs);
    }
    const uint32_t *weights = (const uint32_t *)(const void *)p->weights;
    for (int32_t o = 0; o < p->outputs; o += 4) {
      const struct tinynn_channel *channel = p->channels + o;
      const int16_t *x = inputs;
      int32_t sums[4] = {channel[0].bias, channel[1].bias, channel[2].bias, channel[3].bias};
#pragma GCC unroll 2
      for (int32_t i = 0; i < groups; ++i) {
        const tinynn_pair first = tinynn_load_word(x), second = tinynn_load_word(x + 2);
#pragma GCC unroll 4
        for (int32_t c = 0; c < 4; ++c) {
          sums[c] = tinynn_multiply_pairs(first, tinynn_even_bytes(weights[c]), sums[c]);
          sums[c] = tinynn_multiply_pairs(second, tinynn_odd_bytes(weights[c]), sums[c]);
        }
        x += 4;
        weights += 4;
      }
      for (int32_t i = 0; i < 4 && o + i < p->outputs; ++i) {
        *output++ = tinynn_from_narrow(sums[i], &channel[i], p->lowest, p->highest);
      }
    }
    input += p->inputs;
  }
}

/* Words of (0, 2), (1, 3) for each four of a multiple of 8. */
static void arrange(const int16_t *from, int32_t count, tinynn_pair *restrict to) {
  for (; count > 0; count -= 4, from += 4) {
    const tinynn_pair first = tinynn_load_word(from), second = tinynn_load_word(from + 2);
    *to++ = (first & 0xffff) | second << 16;
    *to++ = first >> 16 | (second & UINT32_C(0xffff0000));
  }
}

/* Rows as a file has them, two at a time, in whole words. Scratch: the inputs of a batch as they meet them. */
void tinynn_rows_int16_dsp(const struct tinynn_fully_connected *restrict p, const int16_t *input,
                           int16_t *output, void *restrict scratch) {
  const int32_t inputs = p->inputs, eights = inputs & ~7;
  if (eights == 0 || (((uintptr_t)p->weights | (uintptr_t)inputs) & 3) != 0) {
    tinynn_rows_int16_c(p, input, output, scratch);
    return;
  }
  for (int32_t n = 0; n < p->batches; ++n) {
    arrange(input, eights, scratch);
    for (int32_t o = 0; o < p->outputs; o += 2) {
      const int32_t second = o + 1 < p->outputs;
      const int8_t *a = p->weights + o * inputs;
      struct tinynn_rows2 rows = {.x = scratch,
                                  .a = a,
                                  .b = a + second * inputs,
                                  .sum_a = p->channels[o].bias,
                                  .sum_b = p->channels[o + second].bias};
      tinynn_rows2_wide_dsp(&rows, eights);
      for (int32_t i = eights; i < inputs; ++i) {
        rows.sum_a += input[i] * *rows.a++;
        rows.sum_b += input[i] * *rows.b++;
      }
      *output++ = tinynn_from_narrow(rows.sum_a, &p->channels[o], p->lowest, p->highest);
      if (second) {
        *output++ = tinynn_from_narrow(rows.sum_b, &p->channels[o + 1], p->lowest, p->highest);
      }
    }
    input += inputs;
  }
}

#endif
