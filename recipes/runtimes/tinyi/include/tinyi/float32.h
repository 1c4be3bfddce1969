/* What operators of float32 share, with weights of float32 or int8. */
#ifndef TINYI_FLOAT32_H
#define TINYI_FLOAT32_H

#include "tinyi/context.h"

static inline const float *tinyi_reals(const struct tinyi_tensor *tensor) {
  return (const float *)(const void *)tensor->data;
}

static inline float *tinyi_results(const struct tinyi_tensor *tensor) { return (float *)(void *)tensor->data; }

/* CONV_2D and DEPTHWISE_CONV_2D, whose weights are read already: all of `p` but those. */
void tinyi_read_convolution_float32(struct tinyi_context *context, uint32_t is_depthwise, struct tinyi_tensor *input,
                                    const struct tinyi_tensor *weights, struct tinyi_tensor *output,
                                    struct tinynn_conv2d_float32 *p);

/* FULLY_CONNECTED, likewise: a convolution over pixels that are rows. */
void tinyi_read_dense_float32(struct tinyi_context *context, struct tinyi_tensor *input,
                              const struct tinyi_tensor *weights, struct tinyi_tensor *output,
                              struct tinynn_conv2d_float32 *p);

#endif
