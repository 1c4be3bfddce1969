/* ADD: the kernels of the variant rvv. */
#include "tinyi/operators.h"

#if defined(__riscv_vector)

const struct tinyi_add tinyi_add_rvv = {tinynn_add_ref, tinynn_add_rvv, tinynn_add_rvv,
                                        tinynn_add_broadcast_ref};

#endif
