/* Sums of products of int8 values. */
#ifndef TINYNN_DOT_H
#define TINYNN_DOT_H

#include <stdint.h>

/* sum + Σ x[i] * w[i]. */
static inline int32_t tinynn_dot(int32_t sum, const int8_t *restrict x, const int8_t *restrict w, int32_t count) {
/* compilers don't unroll it for these chips by themselves; both clang and gcc know this word */
#pragma GCC unroll 8
  for (int32_t i = 0; i < count; ++i) {
    sum += x[i] * w[i];
  }
  return sum;
}

#endif
