/* ADD: the kernels of the variant c. */
#include "tinyi/operators.h"

static const struct tinyi_add broadcast = {tinynn_add_broadcast_ref, tinynn_add_broadcast_c, tinynn_add_broadcast_c, NULL};
const struct tinyi_add tinyi_add_c = {tinynn_add_ref, tinynn_add_c, tinynn_add_c, NULL};
const struct tinyi_add tinyi_add_any_c = {tinynn_add_ref, tinynn_add_c, tinynn_add_c, &broadcast};
