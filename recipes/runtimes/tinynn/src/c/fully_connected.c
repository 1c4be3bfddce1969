/* FULLY_CONNECTED in portable C: the formula of ref/fully_connected.c, four outputs at a time, which share the
 * reading of the inputs. Packing: [blocks of four outputs][inputs][4] int8; records as in rescale_right.h. */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/rescale_right.h"

enum { BLOCK = 4 };

static inline void sum_block(const int8_t *restrict x, const int8_t *restrict weights, int32_t inputs,
                             const struct tinynn_channel *channels, int32_t sums[BLOCK]) {
  int32_t sum0 = channels[0].bias, sum1 = channels[1].bias, sum2 = channels[2].bias, sum3 = channels[3].bias;
#pragma GCC unroll 4
  for (int32_t i = 0; i < inputs; ++i) {
    const int32_t value = *x++;
    sum0 += value * weights[0];
    sum1 += value * weights[1];
    sum2 += value * weights[2];
    sum3 += value * weights[3];
    weights += BLOCK;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

void tinynn_fully_connected_c(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                              int8_t *restrict output, void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *weights = p->weights;
    for (int32_t o = 0; o < p->outputs; o += BLOCK) {
      int32_t sums[BLOCK];
      sum_block(input, weights, p->inputs, p->channels + o, sums);
      for (int32_t i = 0; i < BLOCK && o + i < p->outputs; ++i) {
        const struct tinynn_right right = tinynn_right(&p->channels[o + i], p->output_zero_point);
        output[o + i] = (int8_t)tinynn_clamp(tinynn_rescale_right(sums[i], right), p->lowest, p->highest);
      }
      weights += BLOCK * p->inputs;
    }
    input += p->inputs;
    output += p->outputs;
  }
}
