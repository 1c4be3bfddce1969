/* SUB: the kernels of the variant c. */
#include "tinyi/operators.h"

static const struct tinyi_add broadcast = {tinynn_sub_broadcast_ref, tinynn_sub_broadcast_c, tinynn_sub_broadcast_c, NULL};
const struct tinyi_add tinyi_sub_c = {tinynn_sub_ref, tinynn_sub_c, tinynn_sub_c, NULL};
const struct tinyi_add tinyi_sub_any_c = {tinynn_sub_ref, tinynn_sub_c, tinynn_sub_c, &broadcast};
