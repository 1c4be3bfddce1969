/* Element by element over two inputs of different shapes, a dimension of 1 repeated. The file that includes this may
 * define TINYNN_ELEMENT. */
#ifndef TINYNN_BROADCAST_H
#define TINYNN_BROADCAST_H

#include "tinynn.h"

#ifndef TINYNN_ELEMENT
#define TINYNN_ELEMENT int8_t
#endif

/* One output value; `p` are the operator's parameters. */
typedef TINYNN_ELEMENT tinynn_combine(const void *p, int32_t left, int32_t right);

/* The innermost axis of one output row. */
static inline TINYNN_ELEMENT *tinynn_broadcast_row(const struct tinynn_broadcast *b, tinynn_combine *combine, const void *p,
                                           const TINYNN_ELEMENT *left, const TINYNN_ELEMENT *right, TINYNN_ELEMENT *output) {
  for (int32_t i = 0; i < b->shape[4]; ++i) {
    *output++ = combine(p, left[i * b->left_strides[4]], right[i * b->right_strides[4]]);
  }
  return output;
}

static inline void tinynn_broadcast(const struct tinynn_broadcast *b, tinynn_combine *combine, const void *p,
                                    const TINYNN_ELEMENT *left, const TINYNN_ELEMENT *right, TINYNN_ELEMENT *output) {
  for (int32_t i = 0; i < b->shape[0]; ++i) {
    for (int32_t j = 0; j < b->shape[1]; ++j) {
      for (int32_t k = 0; k < b->shape[2]; ++k) {
        for (int32_t l = 0; l < b->shape[3]; ++l) {
          const int32_t *ls = b->left_strides, *rs = b->right_strides;
          const TINYNN_ELEMENT *left_row = left + i * ls[0] + j * ls[1] + k * ls[2] + l * ls[3];
          const TINYNN_ELEMENT *right_row = right + i * rs[0] + j * rs[1] + k * rs[2] + l * rs[3];
          output = tinynn_broadcast_row(b, combine, p, left_row, right_row, output);
        }
      }
    }
  }
}

#endif
