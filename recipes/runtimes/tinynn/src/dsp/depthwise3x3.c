/* DEPTHWISE_CONV_2D, int8, 3×3 taps, depth multiplier 1, horizontal stride 1 or 2: the formula of ref/depthwise.c, one
 * channel after the other, or four (see channels3x3.h).
 *
 * Packing: [channel][3][3] int8 and one byte more; records as in matrix.h.
 */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/channels3x3.h"

static inline void compute(const struct tinynn_depthwise *p, const struct tinynn_plane3x3 *plane, int32_t c,
                           int32_t is_turned) {
  (void)is_turned;
  if (p->stride_x == 1) {
    tinynn_plane3x3_stride1_dsp(plane, p->weights + c * TAPS * TAPS, &p->channels[c]);
  } else {
    tinynn_plane3x3_stride2_dsp(plane, p->weights + c * TAPS * TAPS, &p->channels[c]);
  }
}

#define KERNEL(name, at_once)                                                                                     \
  void name(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output, void *restrict scratch) { \
    channels3x3(p, input, output, scratch, at_once, 2 * p->output_zero_point + 1, 0, compute);                     \
  }

KERNEL(tinynn_depthwise3x3_dsp, 1)
KERNEL(tinynn_depthwise3x3_fours_dsp, 4)

#endif
