/* Two inputs of different shapes whose innermost axes are dense: a variant's function for equal shapes, row by row. */
#ifndef TINYNN_BROADCAST_ROWS_H
#define TINYNN_BROADCAST_ROWS_H

#include "tinynn.h"

/* tinynn_<op>_broadcast_<variant>, of the same parameters as tinynn_<op>_<variant>. */
#define TINYNN_BROADCAST_ROWS(op, variant, parameters)                                                              \
  void tinynn_##op##_broadcast_##variant(const struct parameters *restrict p, const int8_t *left,                   \
                                         const int8_t *right, int8_t *output) {                                     \
    const struct tinynn_broadcast *b = &p->broadcast;                                                               \
    const int32_t *ls = b->left_strides, *rs = b->right_strides;                                                    \
    struct parameters row = *p;                                                                                     \
    row.elements = b->shape[4];                                                                                     \
    for (int32_t i = 0; i < b->shape[0]; ++i) {                                                                     \
      for (int32_t j = 0; j < b->shape[1]; ++j) {                                                                   \
        for (int32_t k = 0; k < b->shape[2]; ++k) {                                                                 \
          const int8_t *left_row = left + i * ls[0] + j * ls[1] + k * ls[2];                                        \
          const int8_t *right_row = right + i * rs[0] + j * rs[1] + k * rs[2];                                      \
          for (int32_t l = 0; l < b->shape[3]; ++l) {                                                               \
            tinynn_##op##_##variant(&row, left_row, right_row, output);                                             \
            left_row += ls[3];                                                                                      \
            right_row += rs[3];                                                                                     \
            output += row.elements;                                                                                 \
          }                                                                                                         \
        }                                                                                                           \
      }                                                                                                             \
    }                                                                                                               \
  }

#endif
