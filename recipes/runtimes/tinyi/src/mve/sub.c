/* SUB: the kernels of the variant mve. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_MVE)

static const struct tinyi_add broadcast = {tinynn_sub_broadcast_ref, tinynn_sub_broadcast_mve, tinynn_sub_broadcast_mve, NULL};
const struct tinyi_add tinyi_sub_mve = {tinynn_sub_ref, tinynn_sub_mve, tinynn_sub_mve, NULL};
const struct tinyi_add tinyi_sub_any_mve = {tinynn_sub_ref, tinynn_sub_mve, tinynn_sub_mve, &broadcast};

#endif
