/* ADD: the kernels of the variant mve. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_MVE)

const struct tinyi_add tinyi_add_mve = {tinynn_add_ref, tinynn_add_mve, tinynn_add_mve,
                                        tinynn_add_broadcast_ref};

#endif
