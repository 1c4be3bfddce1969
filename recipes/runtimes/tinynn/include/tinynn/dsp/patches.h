/* CONV_2D of dsp by what lies under the kernel of three pixels, in patches.c. */
#ifndef TINYNN_DSP_PATCHES_H
#define TINYNN_DSP_PATCHES_H

#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/matrix.h"

/* All pixels by all output channels. `zeros`: twice what is added to each input value. */
void tinynn_convolve_dsp(const struct tinynn_conv2d *p, const int8_t *input, int8_t *output, void *scratch,
                         tinynn_pair zeros, void (*multiply)(const struct tinynn_matrix *matrix));

#endif
