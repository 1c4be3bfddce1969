/* A kernel of SVDF beside tinynn's definition. */
#ifndef TINYI_SVDF_KERNEL_H
#define TINYI_SVDF_KERNEL_H

#include "tinyi/context.h"

/* For rows of features of whole eights, at whole words. `is_wide`: the state is of int16. */
struct tinyi_svdf {
  uint32_t (*scratch_bytes)(const struct tinynn_svdf *p);
  void (*compute)(struct tinynn_svdf *p, const int8_t *input, void *state, int32_t is_wide, int8_t *output,
                  void *scratch);
};

extern const struct tinyi_svdf tinyi_svdf_dsp;

#endif
