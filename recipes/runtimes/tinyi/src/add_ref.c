/* ADD: the kernels of the variant ref. */
#include "tinyi/operators.h"

static const struct tinyi_add broadcast = {tinynn_add_broadcast_ref, tinynn_add_broadcast_ref, tinynn_add_broadcast_ref, NULL};
const struct tinyi_add tinyi_add_ref = {tinynn_add_ref, tinynn_add_ref, tinynn_add_ref, NULL};
const struct tinyi_add tinyi_add_any_ref = {tinynn_add_ref, tinynn_add_ref, tinynn_add_ref, &broadcast};
