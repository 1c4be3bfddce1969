/* ADD and SUB of shapes that differ: rows by add.c. */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/broadcast_rows.h"

void tinynn_add_broadcast_dsp(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_add, tinynn_add_dsp)
}

void tinynn_sub_broadcast_dsp(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_add, tinynn_sub_dsp)
}
#endif
