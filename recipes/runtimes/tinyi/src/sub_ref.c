/* SUB: the kernels of the variant ref. */
#include "tinyi/operators.h"

const struct tinyi_add tinyi_sub_ref = {tinynn_sub_ref, tinynn_sub_ref, tinynn_sub_ref,
                                        tinynn_sub_broadcast_ref};
