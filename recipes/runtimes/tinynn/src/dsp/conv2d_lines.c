/* CONV_2D, int8, whose kernel's rows are a few values: the formula of ref/conv2d.c by lines.c. */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/lines.h"

#define KERNEL(name, matrix)                                                                               \
  void name(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output, \
            void *restrict scratch) {                                                                      \
    tinynn_convolve_lines_dsp(p, input, output, scratch, matrix);                                          \
  }

KERNEL(tinynn_conv2d_lines_dsp, tinynn_matrix3_dsp)
KERNEL(tinynn_conv2d_lines_short_dsp, tinynn_matrix3_short_dsp)

#endif
