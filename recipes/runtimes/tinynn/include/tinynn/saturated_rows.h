/* From a row's sum to its output where scales are between 2^-21 and 1/2: the fast variants of tinynn_rows.
 *
 * Biases are whatever a model has, so the sum may be too large for rescale_right.h. It is clamped to 30 bits: what lies
 * beyond gives an output beyond int8 in any case.
 */
#ifndef TINYNN_SATURATED_ROWS_H
#define TINYNN_SATURATED_ROWS_H

#include <stddef.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/rescale_right.h"

static inline int32_t row_bias(const struct tinynn_rows *p, int32_t o) { return p->bias == NULL ? 0 : p->bias[o]; }

static inline struct tinynn_right row_right(const struct tinynn_rows *p, int32_t o) {
  return tinynn_right(&p->channels[p->is_per_channel ? o : 0], p->output_zero_point);
}

static inline int8_t row_output(const struct tinynn_rows *p, int32_t sum, struct tinynn_right right) {
  const int32_t limit = (INT32_C(1) << 29) - 1;
  return (int8_t)tinynn_clamp(tinynn_rescale_right(tinynn_clamp(sum, -limit, limit), right), p->lowest, p->highest);
}

/* `sum` and one row's products, one after the other. */
static inline int32_t row_sum(const struct tinynn_rows *restrict p, const int8_t *restrict x,
                              const int8_t *restrict weights, int32_t sum) {
#pragma GCC unroll 1
  for (int32_t i = 0; i < p->inputs; ++i) {
    sum += (x[i] - p->input_zero_point) * weights[i];
  }
  return sum;
}

#endif
