/* ADD: the kernels of the variant ref. */
#include "tinyi/operators.h"

const struct tinyi_add tinyi_add_ref = {tinynn_add_ref, tinynn_add_ref, tinynn_add_ref,
                                        tinynn_add_broadcast_ref};
