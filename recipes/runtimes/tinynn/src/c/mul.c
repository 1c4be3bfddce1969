/* MUL in portable C: the formula of ref/mul.c where the product is scaled down by 2^-1 to 2^-22 (rescale_right.h). */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/rescale_right.h"

void tinynn_mul_c(const struct tinynn_mul *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  const struct tinynn_channel scale = {0, tinynn_shift_left(p->output_multiplier, 1), -p->output_multiplier_shift - 1};
  const struct tinynn_right rescale = tinynn_right(&scale, p->output_zero_point);
#pragma GCC unroll 2
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t product = (left[i] - p->left_zero_point) * (right[i] - p->right_zero_point);
    output[i] = (int8_t)tinynn_clamp(tinynn_rescale_right(product, rescale), p->lowest, p->highest);
  }
}
