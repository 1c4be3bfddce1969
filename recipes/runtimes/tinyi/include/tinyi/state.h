/* What models keep from one inference to the next: variable tensors, and resource variables.
 *
 * Both have lifetimes that never end. The place of a resource variable is that of all tensors that name it. */
#ifndef TINYI_STATE_H
#define TINYI_STATE_H

#include "tinyi/context.h"

/* Set-up, before anything is written: all state that operators use. */
void tinyi_begin_state(struct tinyi_context *context);

#endif
