/* FULLY_CONNECTED by SMLAD. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_DSP)

const struct tinyi_fully_connected tinyi_fully_connected_dsp = {tinynn_rows_dsp, 1, 1};

#endif
