/* FULLY_CONNECTED by tinynn's definition. */
#include "tinyi/operators.h"

const struct tinyi_fully_connected tinyi_fully_connected_ref = {tinynn_rows_ref, 0, 0};
