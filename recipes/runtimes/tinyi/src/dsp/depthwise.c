/* DEPTHWISE_CONV_2D by SMLAD. */
#include "tinyi/convolution.h"

#if defined(__ARM_FEATURE_DSP)

static int32_t supports_shape(const struct tinynn_depthwise *p) { return tinyi_is_3x3(p) && p->stride_x <= 2; }

/* One channel with padding around it, of 16 bits; rows are even. */
static uint32_t scratch_bytes(const struct tinynn_depthwise *p) {
  const struct tinyi_plane plane = tinyi_plane(p);
  return (uint32_t)(2 * plane.rows * (plane.columns + plane.columns % 2));
}

static int32_t supports_general(const struct tinynn_depthwise *p) {
  return p->dilation_x == 1 && tinyi_plane(p).rows != 0;
}

/* Pairs of taps; what is read behind the plane. */
static uint32_t scratch_bytes_general(const struct tinynn_depthwise *p) {
  const int32_t behind = 3 * p->stride_x, pairs = p->kernel_height * (p->kernel_width / 2 + 1);
  return scratch_bytes(p) + (uint32_t)(2 * (behind + 2 + behind % 2) + 8 * pairs);
}

static const struct tinyi_depthwise general = {.compute = tinynn_depthwise_dsp,
                                               .supports_shape = supports_general,
                                               .scratch_bytes = scratch_bytes_general,
                                               .is_in_place = 1};

#define KERNEL_3X3 \
  .compute = tinynn_depthwise3x3_dsp, .supports_shape = supports_shape, .scratch_bytes = scratch_bytes, .is_in_place = 1

const struct tinyi_depthwise tinyi_depthwise_dsp = {KERNEL_3X3};
const struct tinyi_depthwise tinyi_depthwise_general_dsp = {KERNEL_3X3, .fallback = &general};

#endif
