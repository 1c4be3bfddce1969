/* MEAN in portable C. */
#include "tinyi/operators.h"

const struct tinyi_mean tinyi_mean_c = {tinynn_mean_c};
