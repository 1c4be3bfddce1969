/* AVERAGE_POOL_2D in portable C. */
#include "tinyi/operators.h"

/* Sums of 32 bits. */
static uint32_t scratch_bytes(const struct tinynn_pool *p) { return 4 * (uint32_t)p->channels; }

const struct tinyi_pool tinyi_average_pool_c = {.compute = tinynn_average_pool_c, .scratch_bytes = scratch_bytes};
