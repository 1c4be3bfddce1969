/* DEPTHWISE_CONV_2D one channel after the other: a kernel of 3×3 taps, and behind it that of any taps in portable C. */
#ifndef TINYI_DEPTHWISE_PLANES_H
#define TINYI_DEPTHWISE_PLANES_H

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
                                               .is_in_place = TINYI_ALONG_PLANES};

#define KERNEL_3X3(function) \
  .compute = function, .supports_shape = tinyi_is_3x3, .scratch_bytes = scratch_bytes, .is_in_place = TINYI_ALONG_PLANES

#endif
