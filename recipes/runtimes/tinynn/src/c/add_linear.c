/* ADD and SUB, int8, as a linear function of both inputs, where that gives the bytes of ref/add.c for all pairs of
 * values: backends/tinynn/linear.py finds it and tries them all.
 *
 *   out[i] = clamp((constant + left * a[i] + right * b[i]) / 2^21)
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

enum { SHIFT = 21, AT_ONCE = 4 };

void tinynn_add_linear_c(const struct tinynn_add_linear *restrict p, const int8_t *left, const int8_t *right,
                         int8_t *output) {
  const int32_t f = p->left, g = p->right, constant = p->constant, lowest = p->lowest, highest = p->highest;
  const int8_t *const end = output + p->elements;
#define ONE(i) output[i] = (int8_t)tinynn_clamp((constant + f * left[i] + g * right[i]) >> SHIFT, lowest, highest)
  for (; end - output >= AT_ONCE; output += AT_ONCE) {
    ONE(0);
    ONE(1);
    ONE(2);
    ONE(3);
    left += AT_ONCE;
    right += AT_ONCE;
  }
  while (output != end) {
    ONE(0);
    ++left;
    ++right;
    ++output;
  }
#undef ONE
}
