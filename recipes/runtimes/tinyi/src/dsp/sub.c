/* SUB: the kernels of the variant dsp. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_DSP)

static const struct tinyi_add broadcast = {tinynn_sub_broadcast_ref, tinynn_sub_broadcast_c, tinynn_sub_broadcast_dsp, NULL};
const struct tinyi_add tinyi_sub_dsp = {tinynn_sub_ref, tinynn_sub_c, tinynn_sub_dsp, NULL};
const struct tinyi_add tinyi_sub_any_dsp = {tinynn_sub_ref, tinynn_sub_c, tinynn_sub_dsp, &broadcast};

#endif
