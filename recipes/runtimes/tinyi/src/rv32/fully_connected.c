/* FULLY_CONNECTED for RV32IM. */
#include "tinyi/operators.h"

const struct tinyi_fully_connected tinyi_fully_connected_rv32 = {tinynn_rows_rv32, 0, 1};
