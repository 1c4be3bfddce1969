/* AVERAGE_POOL_2D with RISC-V's vectors. */
#include "tinyi/operators.h"

#if defined(__riscv_vector)

static uint32_t scratch_bytes(const struct tinynn_pool *p) {
  (void)p;
  return 0;
}

const struct tinyi_average_pool tinyi_average_pool_rvv = {tinynn_average_pool_rvv, scratch_bytes,
                                                          TINYI_NARROW_WINDOW};

#endif
