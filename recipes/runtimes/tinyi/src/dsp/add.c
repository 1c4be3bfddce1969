/* ADD: the kernels of the variant dsp. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_DSP)

static const struct tinyi_add broadcast = {tinynn_add_broadcast_ref, tinynn_add_broadcast_c, tinynn_add_broadcast_dsp, NULL};
const struct tinyi_add tinyi_add_dsp = {tinynn_add_ref, tinynn_add_c, tinynn_add_dsp, NULL};
const struct tinyi_add tinyi_add_any_dsp = {tinynn_add_ref, tinynn_add_c, tinynn_add_dsp, &broadcast};

#endif
