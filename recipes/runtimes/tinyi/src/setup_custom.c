/* Set-up of models with custom operators that keep something. */
#define TINYI_HAS_STATE 1
#define TINYI_HAS_CALLS 0
#define TINYI_HAS_CUSTOM 1
#include "tinyi/setup.h"
