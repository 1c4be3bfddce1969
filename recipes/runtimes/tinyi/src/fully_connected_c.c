/* FULLY_CONNECTED in portable C. */
#include "tinyi/operators.h"

const struct tinyi_fully_connected tinyi_fully_connected_c = {tinynn_rows_c, 0, 1};
