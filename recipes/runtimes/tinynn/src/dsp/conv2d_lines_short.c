/* CONV_2D, int8, whose kernel's rows are a few values: the formula of ref/conv2d.c by lines.h, requantised in the short form. */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/lines.h"

void tinynn_conv2d_lines_short_dsp(const struct tinynn_conv2d *restrict p, const int8_t *restrict input,
                             int8_t *restrict output, void *restrict scratch) {
  convolve_lines(p, input, output, scratch, tinynn_matrix3_short_dsp);
}

#endif
