/* MUL of shapes that differ: rows by mul.c. */
#include "tinynn/broadcast_rows.h"

void tinynn_mul_broadcast_c(const struct tinynn_mul *restrict p, const int8_t *left, const int8_t *right,
                            int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_mul, tinynn_mul_c)
}
