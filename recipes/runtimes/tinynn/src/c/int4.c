/* Weights of four bits, for the kernels of this variant: see tinynn/int4.h. */
#include "tinynn/int4.h"

TINYNN_INT4_CONV2D(tinynn_conv2d_int4_c, tinynn_conv2d_c, TINYNN_INT4_BYTES)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise_int4_c, tinynn_depthwise_c)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise3x3_int4_c, tinynn_depthwise3x3_c)
TINYNN_INT4_FULLY_CONNECTED(tinynn_fully_connected_int4_c, tinynn_fully_connected_c, TINYNN_INT4_BYTES)
