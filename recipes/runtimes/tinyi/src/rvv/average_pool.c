/* AVERAGE_POOL_2D with RISC-V's vectors. */
#include "tinyi/operators.h"

#if defined(__riscv_vector)

const struct tinyi_pool tinyi_average_pool_rvv = {
    .compute = tinynn_average_pool_rvv, .fits = tinyi_is_narrow, .otherwise = &tinyi_average_pool_c};

#endif
