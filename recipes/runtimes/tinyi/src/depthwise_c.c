/* DEPTHWISE_CONV_2D in portable C. */
#include "tinyi/convolution.h"

/* One channel with padding around it. */
static uint32_t scratch_bytes(const struct tinynn_depthwise *p) {
  const struct tinyi_plane plane = tinyi_plane(p);
  return (uint32_t)(plane.rows * plane.columns);
}

/* What is read behind it. */
static uint32_t scratch_bytes_general(const struct tinynn_depthwise *p) {
  return scratch_bytes(p) + 3 * (uint32_t)p->stride_x;
}

static int32_t supports_general(const struct tinynn_depthwise *p) { return tinyi_plane(p).rows != 0; }

static const struct tinyi_depthwise general = {.compute = tinynn_depthwise_c,
                                               .supports_shape = supports_general,
                                               .scratch_bytes = scratch_bytes_general,
                                               .is_in_place = 1};

#define KERNEL_3X3 \
  .compute = tinynn_depthwise3x3_c, .supports_shape = tinyi_is_3x3, .scratch_bytes = scratch_bytes, .is_in_place = 1

const struct tinyi_depthwise tinyi_depthwise_c = {KERNEL_3X3};
const struct tinyi_depthwise_general tinyi_depthwise_general_c = {{KERNEL_3X3, .fallback = &general}, NULL};
