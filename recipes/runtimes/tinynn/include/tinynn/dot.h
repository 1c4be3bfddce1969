/* Sums of products of int8 values. */
#ifndef TINYNN_DOT_H
#define TINYNN_DOT_H

#include <stdint.h>

/* sum + Σ x[i] * w[i], eight at a time: compilers don't unroll it well for these chips by themselves. */
static inline int32_t tinynn_dot(int32_t sum, const int8_t *restrict x, const int8_t *restrict w, int32_t count) {
  for (; count >= 8; count -= 8) {
    sum += x[0] * w[0];
    sum += x[1] * w[1];
    sum += x[2] * w[2];
    sum += x[3] * w[3];
    sum += x[4] * w[4];
    sum += x[5] * w[5];
    sum += x[6] * w[6];
    sum += x[7] * w[7];
    x += 8;
    w += 8;
  }
  for (; count > 0; --count) {
    sum += *x++ * *w++;
  }
  return sum;
}

#endif
