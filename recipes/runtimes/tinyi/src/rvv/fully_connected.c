/* FULLY_CONNECTED with RISC-V's vectors. */
#include "tinyi/operators.h"

#if defined(__riscv_vector)

const struct tinyi_fully_connected tinyi_fully_connected_rvv = {tinynn_rows_rvv, 0, 0};

#endif
