/* SOFTMAX: what the variants that keep each element's exponential share; the formula is ref/softmax.c's. */
#ifndef TINYNN_SOFTMAX_H
#define TINYNN_SOFTMAX_H

#include <stdint.h>

#include "tinynn/exponential.h"
#include "tinynn/fixed_point.h"

enum { SUM_INTEGER_BITS = 12, OUTPUT_BITS = 8 };

static inline int32_t largest_of(const int8_t *restrict row, int32_t columns) {
  int32_t found = INT8_MIN;
#pragma GCC unroll 1
  for (int32_t c = 0; c < columns; ++c) {
    found = row[c] > found ? row[c] : found;
  }
  return found;
}

/* x / 2^SUM_INTEGER_BITS for x ≥ 0, where rounding is an addition. */
static inline int32_t addend_of(int32_t exponential) {
  return (int32_t)(((uint32_t)exponential + (1U << (SUM_INTEGER_BITS - 1))) >> SUM_INTEGER_BITS);
}

/* What turns exponentials, Q0.31, into outputs. */
struct shares {
  uint32_t factor; /* 2 * reciprocal of the sum */
  uint32_t half;
  int32_t exponent;
};

/* `sum` of the exponentials, Q12.19, at least 1 = 2^19: the largest element's. */
static inline struct shares shares_of(int32_t sum) {
  uint32_t shifted = (uint32_t)sum;
  int32_t headroom = 0;
  while ((shifted >> 31) == 0) {
    shifted <<= 1;
    ++headroom;
  }
  const int32_t exponent = SUM_INTEGER_BITS - headroom + 31 - OUTPUT_BITS;
  if (exponent > 31) { /* all shares are 0: see ref/softmax.c */
    const struct shares none = {0, 0, 31};
    return none;
  }
  const struct shares shares = {
      .factor = 2 * (uint32_t)tinynn_one_over_one_plus((int32_t)(shifted - (UINT32_C(1) << 31))),
      .half = UINT32_C(1) << (exponent - 1),
      .exponent = exponent,
  };
  return shares;
}

/* Nothing is negative, so that both roundings are additions. */
static inline int8_t share_of(struct shares shares, int32_t exponential) {
  const uint32_t high = (uint32_t)(((uint64_t)(uint32_t)exponential * shares.factor + (UINT64_C(1) << 31)) >> 32);
  const int32_t share = (int32_t)((high + shares.half) >> shares.exponent) + INT8_MIN;
  return (int8_t)(share < INT8_MAX ? share : INT8_MAX);
}

#endif
