/* CONV_2D of dsp by lines of the input, for kernels whose rows are a few values, in lines.c. */
#ifndef TINYNN_DSP_LINES_H
#define TINYNN_DSP_LINES_H

#include "tinynn/dsp/matrix.h"

/* All pixels by all output channels. */
void tinynn_convolve_lines_dsp(const struct tinynn_conv2d *p, const int8_t *input, int8_t *output, void *scratch,
                               void (*multiply)(const struct tinynn_matrix *matrix));

#endif
