/* Weights of four bits, for the kernels of this variant: see tinynn/int4.h. */
#include "tinynn/int4.h"

TINYNN_INT4_CONV2D(tinynn_conv2d_int4_ref, tinynn_conv2d_ref, TINYNN_INT4_BYTES)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise_int4_ref, tinynn_depthwise_ref)
TINYNN_INT4_FULLY_CONNECTED(tinynn_fully_connected_int4_ref, tinynn_fully_connected_ref, TINYNN_INT4_BYTES)
