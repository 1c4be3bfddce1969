/* SOFTMAX in portable C with the exponentials of all differences in a table: the formula of ref/softmax.c. */
#include "tinynn/softmax.h"

#include "tinynn.h"

void tinynn_softmax_table_c(const struct tinynn_softmax_table *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    const int32_t *restrict of_value = p->exponentials + largest_of(input, p->columns);
    int32_t sum = 0;
#pragma GCC unroll 2
    for (int32_t c = 0; c < p->columns; ++c) {
      sum += addend_of(of_value[-input[c]]);
    }
    const struct shares shares = shares_of(sum);
#pragma GCC unroll 2
    for (int32_t c = 0; c < p->columns; ++c) {
      output[c] = share_of(shares, of_value[-input[c]]);
    }
    input += p->columns;
    output += p->columns;
  }
}
