/* ADD and SUB of shapes that differ: rows by add.c. */
#include "tinynn/broadcast_rows.h"

void tinynn_add_broadcast_c(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                            int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_add, tinynn_add_c)
}

void tinynn_sub_broadcast_c(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                            int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_add, tinynn_sub_c)
}
