/* SOFTMAX in portable C: the formula of ref/softmax.c; an element's exponential is computed once and kept.
 *
 * Scratch: [columns] int32.
 */
#include "tinynn/softmax.h"

#include "tinynn.h"

void tinynn_softmax_c(const struct tinynn_softmax *restrict p, const int8_t *input, int8_t *output,
                      void *restrict scratch) {
  int32_t *restrict exponentials = scratch;
  for (int32_t row = 0; row < p->rows; ++row) {
    const int32_t maximum = largest_of(input, p->columns);
    int32_t sum = 0;
#pragma GCC unroll 1
    for (int32_t c = 0; c < p->columns; ++c) {
      const int32_t difference = input[c] - maximum;
      int32_t exponential = 0;
      if (difference >= p->least_difference) {
        exponential = tinynn_exp_on_negative_values(tinynn_rescale(difference, p->multiplier, p->left_shift), 5);
      }
      exponentials[c] = exponential;
      sum += addend_of(exponential);
    }
    const struct shares shares = shares_of(sum);
#pragma GCC unroll 1
    for (int32_t c = 0; c < p->columns; ++c) {
      output[c] = share_of(shares, exponentials[c]);
    }
    input += p->columns;
    output += p->columns;
  }
}
