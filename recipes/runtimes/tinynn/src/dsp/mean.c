/* MEAN over neighbouring axes, four columns at a time, in sums of 16 bits that are emptied before they could overflow
 * (mean.h). */
#include "tinynn.h"
#include "tinynn/dsp/instructions.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/mean.h"

enum { ROWS = 255 /* |int8| ≤ 128: so many fit 16 bits */ };

static __attribute__((noinline)) void sum_four(const int8_t *restrict values, int32_t rows, int32_t pitch,
                                               int32_t *restrict sums) {
  int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
  while (rows > 0) {
    const int32_t now = rows < ROWS ? rows : ROWS;
    tinynn_pair even = 0, odd = 0;
#pragma GCC unroll 1
    for (int32_t row = now; row > 0; --row) {
      const uint32_t word = tinynn_load_word(values);
      even = tinynn_add_even_bytes(even, word);
      odd = tinynn_add_odd_bytes(odd, word);
      values += pitch;
    }
    sum0 += (int16_t)even;
    sum1 += (int16_t)odd;
    sum2 += (int32_t)even >> 16;
    sum3 += (int32_t)odd >> 16;
    rows -= now;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

void tinynn_mean_dsp(const struct tinynn_mean *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  mean(p, input, output);
}

#endif
