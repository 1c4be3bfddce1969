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

/* `reach_y`, `reach_x`: rows and columns from a kernel's first tap to its last; `multiple`: what columns are filled up to. */
static inline struct tinynn_plane tinynn_plane(const struct tinynn_depthwise *restrict p, int32_t reach_y,
                                               int32_t reach_x, int32_t multiple) {
  struct tinynn_plane plane;
  const int32_t columns = (p->output_width - 1) * p->stride_x + reach_x;
  plane.rows = (p->output_height - 1) * p->stride_y + reach_y;
  plane.columns = (columns + multiple - 1) / multiple * multiple;
  plane.height = tinynn_smaller(p->input_height, plane.rows - p->pad_top);
  plane.width = tinynn_smaller(p->input_width, columns - p->pad_left);
  plane.inner = p->pad_top * plane.columns + p->pad_left;
  return plane;
}

/* Of a kernel of any size. */
static inline struct tinynn_plane tinynn_plane_of_taps(const struct tinynn_depthwise *restrict p, int32_t multiple) {
  return tinynn_plane(p, (p->kernel_height - 1) * p->dilation_y + 1, (p->kernel_width - 1) * p->dilation_x + 1, multiple);
}

/* With rows for columns. */
static inline struct tinynn_depthwise tinynn_turned(struct tinynn_depthwise p) {
  const struct tinynn_depthwise rows = p;
  p.input_height = rows.input_width;
  p.input_width = rows.input_height;
  p.output_height = rows.output_width;
  p.output_width = rows.output_height;
  p.stride_y = rows.stride_x;
  p.stride_x = rows.stride_y;
  p.pad_top = rows.pad_left;
  p.pad_left = rows.pad_top;
  return p;
}

/* One channel's values to the plane. */
static inline void tinynn_copy_channel(int8_t *restrict to, const int8_t *restrict from, struct tinynn_plane plane,
                                       int32_t channels, int32_t line_bytes) {
  for (int32_t y = 0; y < plane.height; ++y) {
    const int8_t *restrict pixel = from;
    for (int32_t x = 0; x < plane.width; ++x) {
      to[x] = *pixel;
      pixel += channels;
    }
    to += plane.columns;
    from += line_bytes;
  }
}

/* Four outputs of a row. */
struct tinynn_sums {
  int32_t s0, s1, s2, s3;
};

static inline void tinynn_store_sums(struct tinynn_sums sums, int32_t *to) {
  to[0] = sums.s0;
  to[1] = sums.s1;
  to[2] = sums.s2;
  to[3] = sums.s3;
}

#endif
