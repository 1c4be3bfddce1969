/* ADD and SUB of shapes that differ: rows by add.c. */
#if defined(__riscv_vector)
#include "tinynn/broadcast_rows.h"

void tinynn_add_broadcast_rvv(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_add, tinynn_add_rvv)
}

void tinynn_sub_broadcast_rvv(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_add, tinynn_sub_rvv)
}
#endif
