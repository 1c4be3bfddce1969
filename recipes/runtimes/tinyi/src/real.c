/* See tinyi/real.h. */
#include "tinyi/real.h"

struct tinyi_factor tinyi_factor_of_real(struct tinyi_context *context, float quotient) {
  const uint32_t bits = tinyi_bits(quotient);
  const struct tinyi_factor none = {0, 0};
  tinyi_require(context, tinyi_is_scale(bits), TINYI_UNSUPPORTED);
  const struct tinyi_factor factor = tinyi_is_scale(bits) ? tinyi_ratio(TINYI_ONE, TINYI_ONE, bits) : none;
  tinyi_require(context, factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  return factor;
}
