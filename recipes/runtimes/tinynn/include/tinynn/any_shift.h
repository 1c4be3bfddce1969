/* Channels of a layer that right shifts alone don't rescale exactly, by the definition, beside others as in
 * rescale_right.h; their records have the same form: n - 1 is negative, or too large. */
#ifndef TINYNN_ANY_SHIFT_H
#define TINYNN_ANY_SHIFT_H

#include "tinynn.h"
#include "tinynn/fixed_point.h"

static inline int32_t tinynn_is_right(const struct tinynn_channel *record) {
  return (uint32_t)record->shift < TINYNN_LARGEST_RIGHT_SHIFT;
}

/* With the zero point, not yet clamped. */
static __attribute__((noinline, unused)) int32_t tinynn_by_definition(int32_t sum, const struct tinynn_channel *record,
                                                              int32_t output_zero_point) {
  const int32_t multiplier = (int32_t)((uint32_t)record->multiplier >> 1);
  return tinynn_from_zero(output_zero_point, tinynn_rescale(sum, multiplier, -record->shift - 1));
}

#endif
