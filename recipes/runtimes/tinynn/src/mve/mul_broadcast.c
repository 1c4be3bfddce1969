/* MUL of shapes that differ: rows by mul.c. */
#if defined(__ARM_FEATURE_MVE)
#include "tinynn/broadcast_rows.h"

void tinynn_mul_broadcast_mve(const struct tinynn_mul *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_mul, tinynn_mul_mve)
}
#endif
