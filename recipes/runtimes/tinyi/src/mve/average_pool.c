/* AVERAGE_POOL_2D with Helium. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_MVE)

/* Sums of 16 bits, in eights. */
static uint32_t scratch_bytes(const struct tinynn_pool *p) { return 2 * (((uint32_t)p->channels + 7) & ~UINT32_C(7)); }

const struct tinyi_pool tinyi_average_pool_mve = {.compute = tinynn_average_pool_mve,
                                                  .fits = tinyi_is_narrow,
                                                  .scratch_bytes = scratch_bytes,
                                                  .otherwise = &tinyi_average_pool_c};

#endif
