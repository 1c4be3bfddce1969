/* Sums of products of int8 values. */
#ifndef TINYNN_DOT_H
#define TINYNN_DOT_H

#include <stdint.h>

/* sum + Σ x[i] * w[i] modulo 2^32, as TFLM accumulates, eight at a time: compilers don't unroll it well for these chips by themselves. */
static inline int32_t tinynn_dot(int32_t sum, const int8_t *restrict x, const int8_t *restrict w, int32_t count) {
  uint32_t total = (uint32_t)sum;
  for (; count >= 8; count -= 8) {
    total += (uint32_t)(x[0] * w[0]);
    total += (uint32_t)(x[1] * w[1]);
    total += (uint32_t)(x[2] * w[2]);
    total += (uint32_t)(x[3] * w[3]);
    total += (uint32_t)(x[4] * w[4]);
    total += (uint32_t)(x[5] * w[5]);
    total += (uint32_t)(x[6] * w[6]);
    total += (uint32_t)(x[7] * w[7]);
    x += 8;
    w += 8;
  }
  for (; count > 0; --count) {
    total += (uint32_t)(*x++ * *w++);
  }
  return (int32_t)total;
}

#endif
