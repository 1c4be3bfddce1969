/* A function of pairs for each type: rows along the innermost axis, which a walk over the others calls. */
#ifndef TINYNN_PAIRS_H
#define TINYNN_PAIRS_H

#include "tinynn.h"
#include "tinynn/fixed_point.h"

/* `count` pairs, steps in elements. */
typedef void tinynn_pair_row(const void *p, int32_t count, const void *left, int32_t left_step, const void *right,
                             int32_t right_step, void *output);

/* `bytes` of an input's element, `made` of an output's. */
static __attribute__((noinline)) void tinynn_walk_pairs(const struct tinynn_broadcast *b, tinynn_pair_row *row,
                                                        const void *p, const int8_t *left, const int8_t *right,
                                                        int8_t *output, int32_t bytes, int32_t made) {
  const int32_t *ls = b->left_strides, *rs = b->right_strides, count = b->shape[4];
  for (int32_t i = 0; i < b->shape[0]; ++i) {
    for (int32_t j = 0; j < b->shape[1]; ++j) {
      for (int32_t k = 0; k < b->shape[2]; ++k) {
        for (int32_t l = 0; l < b->shape[3]; ++l) {
          const int32_t at_left = i * ls[0] + j * ls[1] + k * ls[2] + l * ls[3];
          const int32_t at_right = i * rs[0] + j * rs[1] + k * rs[2] + l * rs[3];
          row(p, count, left + at_left * bytes, ls[4], right + at_right * bytes, rs[4], output);
          output += count * made;
        }
      }
    }
  }
}

/* tinynn_<name>_ref: `expression` of `a` and `b`, elements of `type`, and `p`, a struct with a `broadcast`. */
#define TINYNN_ROWS(name, struct_name, type, result, expression)                                                     \
  static void name##_row(const void *parameters, int32_t count, const void *left, int32_t left_step,                 \
                         const void *right, int32_t right_step, void *output) {                                      \
    const struct struct_name *p = parameters;                                                                        \
    const type *lefts = left, *rights = right;                                                                       \
    result *made = output;                                                                                           \
    (void)p;                                                                                                         \
    for (int32_t i = 0; i < count; ++i) {                                                                            \
      const type a = lefts[i * left_step], b = rights[i * right_step];                                               \
      made[i] = (result)(expression);                                                                                \
    }                                                                                                                \
  }                                                                                                                  \
  void tinynn_##name##_ref(const struct struct_name *restrict p, const void *left, const void *right, void *output) { \
    tinynn_walk_pairs(&p->broadcast, name##_row, p, left, right, output, sizeof(type), sizeof(result));              \
  }

/* Of plain numbers. */
#define TINYNN_PLAIN(name, type, result, expression) TINYNN_ROWS(name, tinynn_pairs, type, result, expression)

#define TINYNN_COMPARISONS_OF(suffix, type)                     \
  TINYNN_PLAIN(equal_##suffix, type, int8_t, a == b)         \
  TINYNN_PLAIN(not_equal_##suffix, type, int8_t, a != b)     \
  TINYNN_PLAIN(less_##suffix, type, int8_t, a < b)           \
  TINYNN_PLAIN(less_equal_##suffix, type, int8_t, a <= b)    \
  TINYNN_PLAIN(greater_##suffix, type, int8_t, a > b)        \
  TINYNN_PLAIN(greater_equal_##suffix, type, int8_t, a >= b)

#endif
