/* Set-up of models that have state, or subgraphs. */
#define TINYI_HAS_STATE 1
#define TINYI_HAS_CALLS 0
#define TINYI_HAS_CUSTOM 0
#include "tinyi/setup.h"
