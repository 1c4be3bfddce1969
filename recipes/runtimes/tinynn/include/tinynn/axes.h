/* A walk over all elements of a tensor for which some axes are reduced: those that stay are the outer loops. */
#ifndef TINYNN_AXES_H
#define TINYNN_AXES_H

#include "tinynn.h"

/* Axes in an order of loops: first those that stay, then those that are summed over. */
struct tinynn_axes {
  int32_t size[2 * TINYNN_RANK];
  int32_t stride[2 * TINYNN_RANK];
};

static inline struct tinynn_axes tinynn_axes(const struct tinynn_mean *restrict p) {
  struct tinynn_axes axes;
  int32_t stride = 1;
  for (int32_t axis = TINYNN_RANK - 1; axis >= 0; --axis) {
    const int32_t size = p->shape[axis];
    const int32_t reduced = p->reduced[axis];
    axes.size[axis] = reduced ? 1 : size;
    axes.size[TINYNN_RANK + axis] = reduced ? size : 1;
    axes.stride[axis] = axes.stride[TINYNN_RANK + axis] = stride;
    stride *= size;
  }
  return axes;
}

/* Move to the next element of five axes; 0 when all were visited. */
static inline int tinynn_advance(const int32_t *restrict size, const int32_t *restrict stride, int32_t *restrict index,
                                 int32_t *place) {
  for (int32_t axis = TINYNN_RANK - 1; axis >= 0; --axis) {
    *place += stride[axis];
    if (++index[axis] < size[axis]) {
      return 1;
    }
    *place -= stride[axis] * size[axis];
    index[axis] = 0;
  }
  return 0;
}

#endif
