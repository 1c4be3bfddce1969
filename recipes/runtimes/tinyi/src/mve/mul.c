/* MUL: the kernels of the variant mve. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_MVE)

const struct tinyi_mul tinyi_mul_mve = {
    .plain = tinynn_mul_mve, .broadcast = tinynn_mul_broadcast_mve, .least_shift = -31};

#endif
