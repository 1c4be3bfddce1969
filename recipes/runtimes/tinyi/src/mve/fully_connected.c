/* FULLY_CONNECTED with Helium. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_MVE)

const struct tinyi_fully_connected tinyi_fully_connected_mve = {tinynn_rows_mve, 0, 0};

#endif
