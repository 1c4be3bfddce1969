/* Windows that slide over an input. */
#ifndef TINYI_WINDOW_H
#define TINYI_WINDOW_H

#include "tinyi/context.h"

/* One axis of a window that slides over the input. */
struct tinyi_axis {
  int32_t input, output, kernel, stride, dilation;
  int32_t pad; /* before the first element; follows from the others */
};

/* Check that the output is as long as the window makes it, and find the padding. `padding`: 0 SAME, 1 VALID. */
void tinyi_check_window(struct tinyi_context *context, struct tinyi_axis *axis, int32_t padding);

#endif
