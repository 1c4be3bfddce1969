/* Set-up of models that have state, or subgraphs. */
#define TINYI_HAS_STATE 1
#include "tinyi/setup.h"
