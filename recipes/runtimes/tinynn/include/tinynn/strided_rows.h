/* STRIDED_SLICE, SLICE, TRANSPOSE of the vector variants: the formula of ref/gather.c, a row of the innermost axis at a time.
 * The file that includes this has `copy_strided`. */
#ifndef TINYNN_STRIDED_ROWS_H
#define TINYNN_STRIDED_ROWS_H

#include "tinynn.h"

/* Every stride-th byte, `count` of them; the end of what is written. */
static inline int8_t *copy_strided(int8_t *restrict to, const int8_t *restrict from, int32_t stride, int32_t count);

static inline void gather_rows(const struct tinynn_gather *restrict p, const int8_t *restrict input,
                               int8_t *restrict output) {
  const int32_t *strides = p->strides;
  for (int32_t i = 0; i < p->shape[0]; ++i) {
    for (int32_t j = 0; j < p->shape[1]; ++j) {
      for (int32_t k = 0; k < p->shape[2]; ++k) {
        const int8_t *from = input + p->offset + i * strides[0] + j * strides[1] + k * strides[2];
        for (int32_t l = 0; l < p->shape[3]; ++l) {
          output = copy_strided(output, from, strides[4], p->shape[4]);
          from += strides[3];
        }
      }
    }
  }
}

#endif
