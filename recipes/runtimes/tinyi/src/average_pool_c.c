/* AVERAGE_POOL_2D in portable C. */
#include "tinyi/operators.h"

/* Sums of 32 bits. */
static uint32_t scratch_bytes(const struct tinynn_pool *p) { return 4 * (uint32_t)p->channels; }

const struct tinyi_average_pool tinyi_average_pool_c = {tinynn_average_pool_c, scratch_bytes, INT32_MAX};
