/* The plan of the arena, made in set-up: see tinyi/src/plan.c. */
#ifndef TINYI_PLAN_H
#define TINYI_PLAN_H

#include "tinyi/placement.h"

/* Write the places of all tensors and of all scratch; the arena's end in units, above TINYI_MAX_UNITS where there is no
 * plan. */
uint32_t tinyi_make_plan(struct tinyi_plan *plan);

#endif
