/* Channel records four at a time, with Helium: what tinyi_factor computes, in every lane. */
#ifndef TINYI_MVE_RECORDS_H
#define TINYI_MVE_RECORDS_H

#include "tinyi/channels.h"

/* Records of `count` channels from `first` on as mve/rescale.h of tinynn reads them, the input's zero point not yet
 * folded in; zeros fill up what the last four, or eight, have room for. Only where tinyi_has_right_shifts.
 *
 * `step` 1: blocks of [4] biases, [4] multipliers, [4] shifts. `step` 2: blocks of [8] each, where channels 0, 2, 4, 6
 * come before 1, 3, 5, 7. `step` 4: blocks of [16] each. */
void tinyi_mve_records(const struct tinyi_channels *channels, int32_t first, int32_t count, int32_t step, int32_t *to);

#endif
