/* DEPTHWISE_CONV_2D of 3×3 taps by SMLAD. */
#include "tinyi/convolution.h"

#if defined(__ARM_FEATURE_DSP)

/* One channel with padding around it, of 16 bits; rows are even. */
static uint32_t scratch_bytes(const struct tinynn_depthwise *p) {
  const int32_t rows = (p->output_height - 1) * p->stride_y + 3, columns = (p->output_width - 1) * p->stride_x + 3;
  return (uint32_t)(2 * rows * (columns + columns % 2));
}

const struct tinyi_depthwise tinyi_depthwise_dsp = {.compute = tinynn_depthwise3x3_dsp,
                                                    .scratch_bytes = scratch_bytes,
                                                    .largest_stride_x = 2};

#endif
