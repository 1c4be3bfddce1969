/* CAST: each number as one of another type; integers keep their lower bits, truth values are 0 and 1.
 *
 * As tensorflow/lite/micro/kernels/cast.cc.
 */
#include "tinynn/cast.h"

void tinynn_cast_ref(const struct tinynn_cast *restrict p, const void *restrict input, void *restrict output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    tinynn_write_integer(output, p->to, i, tinynn_read_integer(input, p->from, i));
  }
}
