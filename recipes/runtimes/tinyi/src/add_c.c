/* ADD: the kernels of the variant c. */
#include "tinyi/operators.h"

const struct tinyi_add tinyi_add_c = {tinynn_add_ref, tinynn_add_c, tinynn_add_c,
                                      tinynn_add_broadcast_ref};
