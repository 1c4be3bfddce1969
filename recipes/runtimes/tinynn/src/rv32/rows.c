/* FULLY_CONNECTED for RV32IM, weights as a model has them: the formula of ref/rows.c, eight outputs at a time by
 * rows8.S, which share the reading of the inputs; what is left as the variant c has it. Records as in rescale_right.h;
 * see saturated_rows.h. */
#include "tinynn.h"
#include "tinynn/saturated_rows.h"

enum { BLOCK = 8 };

/* sums[r] += Σ (x[i] - zero_point) * weights[r * inputs + i] over `inputs` values: rows8.S. */
void tinynn_sum_rows8_rv32(const int8_t *x, const int8_t *weights, int32_t inputs, int32_t zero_point,
                           int32_t sums[BLOCK]);

void tinynn_rows_rv32(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                      void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *weights = p->weights;
    int32_t o = 0;
    for (; o + BLOCK <= p->outputs; o += BLOCK) {
      int32_t sums[BLOCK];
      for (int32_t i = 0; i < BLOCK; ++i) {
        sums[i] = row_bias(p, o + i);
      }
      tinynn_sum_rows8_rv32(input, weights, p->inputs, p->input_zero_point, sums);
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
