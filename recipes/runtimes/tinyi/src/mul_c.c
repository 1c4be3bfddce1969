/* MUL: the kernels of the variant c. */
#include "tinyi/operators.h"

const struct tinyi_mul tinyi_mul_c = {
    .plain = tinynn_mul_c, .broadcast = tinynn_mul_broadcast_c, .least_shift = -22};
