/* MUL: the kernels of the variant ref. */
#include "tinyi/operators.h"

const struct tinyi_mul tinyi_mul_ref = {
    .plain = tinynn_mul_ref, .broadcast = tinynn_mul_broadcast_ref, .least_shift = -31};
