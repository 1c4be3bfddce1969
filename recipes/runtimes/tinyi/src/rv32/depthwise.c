/* DEPTHWISE_CONV_2D for RV32IM. */
#include "tinyi/depthwise_planes.h"

const struct tinyi_depthwise tinyi_depthwise_rv32 = {KERNEL_3X3(tinynn_depthwise3x3_rv32)};
const struct tinyi_depthwise_general tinyi_depthwise_general_rv32 = {
    {KERNEL_3X3(tinynn_depthwise3x3_rv32), .fallback = &general}, NULL};
