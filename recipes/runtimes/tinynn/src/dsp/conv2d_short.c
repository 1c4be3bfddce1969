/* CONV_2D, int8: the formula of ref/conv2d.c as conv2d.c computes it, requantised in the short form: see matrix3_short.S. */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/patches.h"

void tinynn_conv2d_short_dsp(const struct tinynn_conv2d *restrict p, const int8_t *input,
                             int8_t *output, void *restrict scratch) {
  tinynn_convolve_dsp(p, input, output, scratch, 0, tinynn_matrix3_short_dsp);
}

#endif
