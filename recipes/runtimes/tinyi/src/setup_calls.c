/* Set-up of models whose operators call subgraphs. */
#define TINYI_HAS_STATE 1
#define TINYI_HAS_CALLS 1
#define TINYI_HAS_CUSTOM 0
#include "tinyi/setup.h"
