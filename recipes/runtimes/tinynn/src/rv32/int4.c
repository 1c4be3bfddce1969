/* Weights of four bits, for the kernels of this variant: see tinynn/int4.h. */
#include "tinynn/int4.h"

TINYNN_INT4_CONV2D(tinynn_conv2d_int4_rv32, tinynn_conv2d_rv32, TINYNN_INT4_BYTES)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise3x3_int4_rv32, tinynn_depthwise3x3_rv32)
