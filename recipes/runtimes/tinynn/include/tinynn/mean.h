/* MEAN in portable C and others: the formula of ref/mean.c where the reduced axes are neighbours, so that three axes are
 * enough: those before, the reduced, those behind, the last three of `shape`. The file that includes this has `sum_four`.
 */
#ifndef TINYNN_MEAN_H
#define TINYNN_MEAN_H

#include "tinynn.h"
#include "tinynn/fixed_point.h"

enum { MEAN_COLUMNS = 4 };

/* Sums of four neighbouring columns of `rows`, `pitch` bytes apart. */
static void sum_four(const int8_t *restrict values, int32_t rows, int32_t pitch, int32_t *restrict sums);

static __attribute__((noinline)) int32_t sum_one(const int8_t *restrict values, int32_t rows, int32_t pitch) {
  int32_t sum = 0;
#pragma GCC unroll 1
  for (; rows > 0; --rows) {
    sum += *values;
    values += pitch;
  }
  return sum;
}

static __attribute__((noinline)) int8_t mean_of(const struct tinynn_mean *restrict p, int32_t sum) {
  const int32_t centred = sum - p->shape[3] * p->input_zero_point;
  const int32_t scaled = tinynn_rescale(centred, p->multiplier, p->shift);
  return (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), INT8_MIN, INT8_MAX);
}

/* The sum of neighbours: four columns of a quarter of the rows, and the rest. */
static inline int32_t sum_neighbours(const int8_t *restrict values, int32_t count) {
  int32_t sums[MEAN_COLUMNS];
  const int32_t rows = count / MEAN_COLUMNS;
  sum_four(values, rows, MEAN_COLUMNS, sums);
  return sums[0] + sums[1] + sums[2] + sums[3] +
         sum_one(values + rows * MEAN_COLUMNS, count - rows * MEAN_COLUMNS, 1);
}

static inline void mean(const struct tinynn_mean *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  const int32_t rows = p->shape[3], columns = p->shape[4];
  for (int32_t i = 0; i < p->shape[2]; ++i) {
    if (columns == 1) {
      *output++ = mean_of(p, sum_neighbours(input, rows));
    } else {
      int32_t left = columns;
      const int8_t *column = input;
      for (; left >= MEAN_COLUMNS; left -= MEAN_COLUMNS) {
        int32_t sums[MEAN_COLUMNS];
        sum_four(column, rows, columns, sums);
#pragma GCC unroll 1
        for (int32_t j = 0; j < MEAN_COLUMNS; ++j) {
          *output++ = mean_of(p, sums[j]);
        }
        column += MEAN_COLUMNS;
      }
#pragma GCC unroll 1
      for (; left > 0; --left) {
        *output++ = mean_of(p, sum_one(column++, rows, columns));
      }
    }
    input += rows * columns;
  }
}

#endif
