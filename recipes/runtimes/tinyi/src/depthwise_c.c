/* DEPTHWISE_CONV_2D in portable C. */
#include "tinyi/depthwise_planes.h"

const struct tinyi_depthwise tinyi_depthwise_c = {KERNEL_3X3(tinynn_depthwise3x3_c)};
const struct tinyi_depthwise_general tinyi_depthwise_general_c = {
    {KERNEL_3X3(tinynn_depthwise3x3_c), .fallback = &general}, NULL};
