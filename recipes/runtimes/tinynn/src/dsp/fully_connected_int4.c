/* FULLY_CONNECTED with weights of four bits: as they are multiplied they are unpacked, 20 instructions for 16 of them.
 *
 * All outputs are one block; scratch as for int8.
 */
#if defined(__ARM_FEATURE_DSP)
#define WEIGHT_BITS 4
#include "tinynn/dsp/fully_connected.h"

void tinynn_fully_connected_int4_dsp(const struct tinynn_fully_connected_int4 *restrict p, const int8_t *restrict input,
                                     int8_t *restrict output, void *restrict scratch) {
  multiply(&p->block, input, output, scratch);
}

#endif
