/* MINIMUM and MAXIMUM of shapes that differ: rows by minmax.c. */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/broadcast_rows.h"

void tinynn_minimum_broadcast_dsp(const struct tinynn_minmax *restrict p, const int8_t *left, const int8_t *right,
                                  int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_minmax, tinynn_minimum_dsp)
}

void tinynn_maximum_broadcast_dsp(const struct tinynn_minmax *restrict p, const int8_t *left, const int8_t *right,
                                  int8_t *output) {
  TINYNN_BROADCAST_ROWS(tinynn_minmax, tinynn_maximum_dsp)
}
#endif
