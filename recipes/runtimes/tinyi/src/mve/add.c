/* ADD: the kernels of the variant mve. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_MVE)

static const struct tinyi_add broadcast = {tinynn_add_broadcast_ref, tinynn_add_broadcast_mve, tinynn_add_broadcast_mve, NULL};
const struct tinyi_add tinyi_add_mve = {tinynn_add_ref, tinynn_add_mve, tinynn_add_mve, NULL};
const struct tinyi_add tinyi_add_any_mve = {tinynn_add_ref, tinynn_add_mve, tinynn_add_mve, &broadcast};

#endif
