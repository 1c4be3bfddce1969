/* Weights of four bits, for the kernels of this variant: see tinynn/int4.h. */
#include "tinynn/int4.h"

#if defined(__riscv_vector)
TINYNN_INT4_CONV2D(tinynn_conv2d_int4_rvv, tinynn_conv2d_rvv, TINYNN_INT4_BYTES)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise_int4_rvv, tinynn_depthwise_rvv)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise3x3_int4_rvv, tinynn_depthwise3x3_rvv)
TINYNN_INT4_FULLY_CONNECTED(tinynn_fully_connected_int4_rvv, tinynn_fully_connected_rvv, TINYNN_INT4_BYTES)
#endif
