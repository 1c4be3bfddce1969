/* Weights of four bits, for the kernels of this variant: see tinynn/int4.h. */
#include "tinynn/int4.h"

#if defined(__ARM_FEATURE_MVE)
TINYNN_INT4_CONV2D(tinynn_conv2d_int4_mve, tinynn_conv2d_mve, TINYNN_INT4_BYTES)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise_int4_mve, tinynn_depthwise_mve)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise3x3_int4_mve, tinynn_depthwise3x3_mve)
TINYNN_INT4_FULLY_CONNECTED(tinynn_fully_connected_int4_mve, tinynn_fully_connected_mve, TINYNN_INT4_BYTES)
#endif
