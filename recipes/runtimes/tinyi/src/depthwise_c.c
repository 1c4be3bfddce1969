/* DEPTHWISE_CONV_2D of 3×3 taps in portable C. */
#include "tinyi/convolution.h"

/* One channel with padding around it. */
static uint32_t scratch_bytes(const struct tinynn_depthwise *p) {
  const int32_t rows = (p->output_height - 1) * p->stride_y + 3, columns = (p->output_width - 1) * p->stride_x + 3;
  return (uint32_t)(rows * columns);
}

const struct tinyi_depthwise tinyi_depthwise_c = {.compute = tinynn_depthwise3x3_c,
                                                  .scratch_bytes = scratch_bytes,
                                                  .largest_stride_x = TINYI_MAX_STRIDE};
