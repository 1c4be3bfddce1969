/* The plan for buffers of which no more than two live in one operator; the i-th that is written is `order` i. */
#ifndef TINYI_CHAIN_H
#define TINYI_CHAIN_H

#include "tinyi/placement.h"

/* Both return the arena's end; the second one is given that of the first. */
uint32_t tinyi_place_chain(const struct tinyi_plan *plan);
uint32_t tinyi_place_chain_scratch(const struct tinyi_plan *plan, uint32_t total);

#endif
