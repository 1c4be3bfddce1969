/* Sigmoid and hyperbolic tangent of int16 by a table between whose entries they interpolate.
 *
 * Bit for bit Logistic and Tanh of TFLM for int16 (tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h,
 * tanh.h).
 */
#ifndef TINYNN_SIGMOID_INT16_H
#define TINYNN_SIGMOID_INT16_H

#include "tinynn/tables.h"

/* The sigmoid of |x| where an entry stands for 2^places of it: 16 and so many bits more. */
static inline int32_t tinynn_sigmoid_share(int32_t x, int32_t places) {
  const int32_t magnitude = x < 0 ? -x : x, entry = magnitude >> places;
  if (entry >= 255) { /* as much as there is */
    return places == 8 ? 0xffff << 8 : 0x7fff << 10;
  }
  const int32_t low = tinynn_sigmoids[entry], high = tinynn_sigmoids[entry + 1];
  return low * (1 << places) + (magnitude & ((1 << places) - 1)) * (high - low);
}

/* x: 1 / (3 * 4096) is 1; Q0.15. */
static inline int16_t tinynn_sigmoid_of(int32_t x) {
  const int32_t share = tinynn_sigmoid_share(x, 9);
  return (int16_t)((x >= 0 ? share + (1 << 9) : (1 << 25) - share + (1 << 9) - 1) >> 10);
}

/* tanh(x) = 2 * sigmoid(2 * x) - 1. */
static inline int16_t tinynn_tanh_of(int32_t x) {
  const int32_t share = tinynn_sigmoid_share(x, 8);
  return (int16_t)((x >= 0 ? share - (1 << 23) + (1 << 7) : (1 << 23) - share + (1 << 7) - 1) >> 8);
}

#endif
