/* AVERAGE_POOL_2D in portable C. */
#include "tinyi/operators.h"

const struct tinyi_average_pool tinyi_average_pool_c = {tinynn_average_pool_c};
