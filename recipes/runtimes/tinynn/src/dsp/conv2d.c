/* CONV_2D, int8: the formula of ref/conv2d.c, three pixels at a time.
 *
 * The input values under the kernel of three pixels are widened to 16 bits, side by side (see matrix.h); all output
 * channels share the cost of that.
 * Packing and scratch: backends/tinynn/scratch.py and packs.py.
 */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/patches.h"

void tinynn_conv2d_dsp(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                       void *restrict scratch) {
  tinynn_convolve_dsp(p, input, output, scratch, 0, tinynn_matrix3_dsp);
}

#endif
