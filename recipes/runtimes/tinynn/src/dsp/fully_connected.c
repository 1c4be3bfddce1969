/* FULLY_CONNECTED, int8: the formula of ref/fully_connected.c, four outputs at a time (see matrix.h).
 *
 * Packing: backends/tinynn/packs.py. Scratch: the inputs padded to a multiple of four, where they are no such multiple.
 */
#if defined(__ARM_FEATURE_DSP)
#define WEIGHT_BITS 8
#include "tinynn/dsp/fully_connected.h"

void tinynn_fully_connected_dsp(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                                int8_t *restrict output, void *restrict scratch) {
  multiply(p, input, output, scratch);
}

#endif
