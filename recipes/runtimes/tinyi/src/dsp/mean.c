/* MEAN with the DSP extension. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_DSP)

const struct tinyi_mean tinyi_mean_dsp = {tinynn_mean_dsp};

#endif
