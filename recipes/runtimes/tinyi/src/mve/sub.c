/* SUB: the kernels of the variant mve. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_MVE)

const struct tinyi_add tinyi_sub_mve = {tinynn_sub_ref, tinynn_sub_mve, tinynn_sub_mve,
                                        tinynn_sub_broadcast_ref};

#endif
