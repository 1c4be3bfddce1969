/* Weights of four bits, for the kernels of this variant: see tinynn/int4.h. */
#include "tinynn/int4.h"

#if defined(__ARM_NEON)
TINYNN_INT4_CONV2D(tinynn_conv2d_int4_neon, tinynn_conv2d_neon, TINYNN_INT4_BYTES)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise3x3_int4_neon, tinynn_depthwise3x3_neon)
TINYNN_INT4_FULLY_CONNECTED(tinynn_fully_connected_int4_neon, tinynn_fully_connected_neon, TINYNN_INT4_BYTES)
#endif
