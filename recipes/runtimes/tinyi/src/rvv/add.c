/* ADD: the kernels of the variant rvv. */
#include "tinyi/operators.h"

#if defined(__riscv_vector)

static const struct tinyi_add broadcast = {tinynn_add_broadcast_ref, tinynn_add_broadcast_rvv, tinynn_add_broadcast_rvv, NULL};
const struct tinyi_add tinyi_add_rvv = {tinynn_add_ref, tinynn_add_rvv, tinynn_add_rvv, NULL};
const struct tinyi_add tinyi_add_any_rvv = {tinynn_add_ref, tinynn_add_rvv, tinynn_add_rvv, &broadcast};

#endif
