/* In place of tinynn's: the same weights ([blocks of four outputs][inputs][4]) and records, one output at a time. */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/rescale_right.h"

enum { BLOCK = 4 };

void tinynn_fully_connected_c(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                              int8_t *restrict output, void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n, input += p->inputs, output += p->outputs) {
    for (int32_t o = 0; o < p->outputs; ++o) {
      const int8_t *weights = p->weights + (o / BLOCK) * BLOCK * p->inputs + o % BLOCK;
      int32_t sum = p->channels[o].bias;
      for (int32_t i = 0; i < p->inputs; ++i) {
        sum += input[i] * weights[i * BLOCK];
      }
      const struct tinynn_right right = tinynn_right(&p->channels[o], p->output_zero_point);
      output[o] = (int8_t)tinynn_clamp(tinynn_rescale_right(sum, right), p->lowest, p->highest);
    }
  }
}
