/* FULLY_CONNECTED in portable C, weights as a model has them: the formula of ref/rows.c, four outputs at a time, which
 * share the reading of the inputs. Records as in rescale_right.h; see saturated_rows.h. */
#include "tinynn.h"
#include "tinynn/saturated_rows.h"

enum { BLOCK = 4 };

static inline void sum_block(const struct tinynn_rows *restrict p, const int8_t *restrict x,
                             const int8_t *restrict weights, int32_t sums[BLOCK]) {
  const int32_t inputs = p->inputs;
  const int8_t *restrict w0 = weights, *restrict w1 = w0 + inputs, *restrict w2 = w1 + inputs,
               *restrict w3 = w2 + inputs;
  int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
#pragma GCC unroll 4
  for (int32_t i = 0; i < inputs; ++i) {
    const int32_t value = x[i] - p->input_zero_point;
    sum0 += value * w0[i];
    sum1 += value * w1[i];
    sum2 += value * w2[i];
    sum3 += value * w3[i];
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

void tinynn_rows_c(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                   void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *weights = p->weights;
    int32_t o = 0;
    for (; o + BLOCK <= p->outputs; o += BLOCK) {
      int32_t sums[BLOCK] = {row_bias(p, o), row_bias(p, o + 1), row_bias(p, o + 2), row_bias(p, o + 3)};
      sum_block(p, input, weights, sums);
      for (int32_t i = 0; i < BLOCK; ++i) {
        output[o + i] = row_output(p, sums[i], row_right(p, o + i));
      }
      weights += BLOCK * p->inputs;
    }
    for (; o < p->outputs; ++o) {
      output[o] = row_output(p, row_sum(p, input, weights, row_bias(p, o)), row_right(p, o));
      weights += p->inputs;
    }
    input += p->inputs;
    output += p->outputs;
  }
}
