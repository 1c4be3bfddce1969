/* The inner loop of tinynn_rows_rv32, in rv32/rows8.S. */
#ifndef TINYNN_RV32_ROWS_H
#define TINYNN_RV32_ROWS_H

#include <stdint.h>

/* sums[r] += Σ (x[i] - zero_point) * weights[r * inputs + i] over `inputs` values, for eight rows. */
void tinynn_sum_rows8_rv32(const int8_t *x, const int8_t *weights, int32_t inputs, int32_t zero_point, int32_t sums[8]);

#endif
