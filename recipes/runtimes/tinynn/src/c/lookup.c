/* Any function of one int8 value: out[i] = table[in[i] + 128]. backends/tinynn makes the tables. */
#include "tinynn.h"

void tinynn_lookup_c(const struct tinynn_lookup *restrict p, const int8_t *input, int8_t *output) {
  const int8_t *restrict middle = p->table - INT8_MIN;
#pragma GCC unroll 4
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = middle[input[i]];
  }
}
