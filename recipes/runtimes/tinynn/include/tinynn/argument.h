/* ARG_MAX and ARG_MIN of a type. */
#ifndef TINYNN_ARGUMENT_H
#define TINYNN_ARGUMENT_H

#include "tinynn.h"

/* The index of the largest or the least of `size` elements, `inner` apart; the first of equal ones. */
#define TINYNN_ARGUMENT_OF(name, type, is_better)                                                                     \
  void tinynn_##name##_ref(const struct tinynn_along *restrict p, const void *input, int32_t *restrict output) { \
    const type *values = input;                                                                             \
    for (int32_t o = 0; o < p->outer; ++o, values += p->size * p->inner) {                                  \
      for (int32_t i = 0; i < p->inner; ++i) {                                                              \
        int32_t best = 0;                                                                                   \
        for (int32_t k = 1; k < p->size; ++k) {                                                             \
          const type a = values[k * p->inner + i], b = values[best * p->inner + i];                         \
          best = (is_better) ? k : best;                                                                    \
        }                                                                                                   \
        *output++ = best;                                                                                   \
        if (p->is_wide) {                                                                                   \
          *output++ = 0; /* the upper half */                                                               \
        }                                                                                                   \
      }                                                                                                     \
    }                                                                                                       \
  }

#endif
