/* DEPTHWISE_CONV_2D one channel after the other: what kernels of any size see of one, brought together with padding
 * around it. */
#ifndef TINYNN_PLANE_H
#define TINYNN_PLANE_H

#include <stdint.h>

#include "tinynn.h"

/* All in elements. */
struct tinynn_plane {
  int32_t rows, columns; /* of the plane */
  int32_t height, width; /* of the input as far as the kernel reaches it */
  int32_t inner;         /* from the plane's beginning to the input's first element */
};

static inline int32_t tinynn_smaller(int32_t a, int32_t b) { return a < b ? a : b; }

/* `multiple`: what columns are filled up to. */
static inline struct tinynn_plane tinynn_plane(const struct tinynn_depthwise *restrict p, int32_t multiple) {
  struct tinynn_plane plane;
  const int32_t columns = (p->output_width - 1) * p->stride_x + (p->kernel_width - 1) * p->dilation_x + 1;
  plane.rows = (p->output_height - 1) * p->stride_y + (p->kernel_height - 1) * p->dilation_y + 1;
  plane.columns = (columns + multiple - 1) / multiple * multiple;
  plane.height = tinynn_smaller(p->input_height, plane.rows - p->pad_top);
  plane.width = tinynn_smaller(p->input_width, columns - p->pad_left);
  plane.inner = p->pad_top * plane.columns + p->pad_left;
  return plane;
}

#endif
