/* SUB: the kernels of the variant ref. */
#include "tinyi/operators.h"

static const struct tinyi_add broadcast = {tinynn_sub_broadcast_ref, tinynn_sub_broadcast_ref, tinynn_sub_broadcast_ref, NULL};
const struct tinyi_add tinyi_sub_ref = {tinynn_sub_ref, tinynn_sub_ref, tinynn_sub_ref, NULL};
const struct tinyi_add tinyi_sub_any_ref = {tinynn_sub_ref, tinynn_sub_ref, tinynn_sub_ref, &broadcast};
