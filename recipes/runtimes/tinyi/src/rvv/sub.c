/* SUB: the kernels of the variant rvv. */
#include "tinyi/operators.h"

#if defined(__riscv_vector)

const struct tinyi_add tinyi_sub_rvv = {tinynn_sub_ref, tinynn_sub_rvv, tinynn_sub_rvv,
                                        tinynn_sub_broadcast_ref};

#endif
