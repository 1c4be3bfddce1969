/* SUB: the kernels of the variant rvv. */
#include "tinyi/operators.h"

#if defined(__riscv_vector)

static const struct tinyi_add broadcast = {tinynn_sub_broadcast_ref, tinynn_sub_broadcast_rvv, tinynn_sub_broadcast_rvv, NULL};
const struct tinyi_add tinyi_sub_rvv = {tinynn_sub_ref, tinynn_sub_rvv, tinynn_sub_rvv, NULL};
const struct tinyi_add tinyi_sub_any_rvv = {tinynn_sub_ref, tinynn_sub_rvv, tinynn_sub_rvv, &broadcast};

#endif
