/* MUL: the kernels of the variant dsp. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_DSP)

const struct tinyi_mul tinyi_mul_dsp = {
    .plain = tinynn_mul_dsp, .broadcast = tinynn_mul_broadcast_dsp, .least_shift = -22};

#endif
