/* CONV_2D, int8: the formula of ref/conv2d.c as conv2d.c computes it, with weights of 16 bits in RAM.
 *
 * For weights that are laid out in each inference: nothing must be known of their values, and 16 instructions do what
 * takes conv2d.c 17. The input's zero point is subtracted when its values are widened: biases are those of the model.
 * Packing: [pairs of channels][groups of four products] words (a0, a2), (b0, b2), (a1, a3), (b1, b3) of the channels a
 * and b, filled up to whole groups. Records as in matrix.h.
 */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/patches.h"

void tinynn_conv2d_wide_dsp(const struct tinynn_conv2d *restrict p, const int8_t *input,
                            int8_t *output, void *restrict scratch) {
  tinynn_convolve_dsp(p, input, output, scratch, tinynn_twice(-p->input_zero_point), tinynn_matrix3_wide_dsp);
}

#endif
