/* Set-up of models without state. */
#define TINYI_HAS_STATE 0
#define TINYI_HAS_CALLS 0
#define TINYI_HAS_CUSTOM 0
#include "tinyi/setup.h"
