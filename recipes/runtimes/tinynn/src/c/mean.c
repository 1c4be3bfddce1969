/* MEAN over neighbouring axes in portable C, four columns at a time in registers (mean.h). */
#include "tinynn.h"
#include "tinynn/mean.h"

static __attribute__((noinline)) void sum_four(const int8_t *restrict values, int32_t rows, int32_t pitch,
                                               int32_t *restrict sums) {
  int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
#pragma GCC unroll 1
  for (; rows > 0; --rows) {
    sum0 += values[0];
    sum1 += values[1];
    sum2 += values[2];
    sum3 += values[3];
    values += pitch;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

void tinynn_mean_c(const struct tinynn_mean *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  mean(p, input, output);
}
