/* STRIDED_SLICE, SLICE, TRANSPOSE with Helium: the formula of ref/gather.c, eight elements of the innermost axis at a time
 * by a load from eight places. Its stride is positive, and seven of it are below 2^16. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinynn/strided_rows.h"

enum { LANES = 8 };

static inline int8_t *copy_strided(int8_t *restrict to, const int8_t *restrict from, int32_t stride, int32_t count) {
  const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)stride);
  int8_t *const end = to + count;
  for (; count > 0; count -= LANES) {
    const mve_pred16_t lanes = vctp16q((uint32_t)count);
    vstrbq_p_u16((uint8_t *)to, vldrbq_gather_offset_z_u16((const uint8_t *)from, places, lanes), lanes);
    to += LANES;
    from += LANES * stride;
  }
  return end;
}

void tinynn_gather_mve(const struct tinynn_gather *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  gather_rows(p, input, output);
}
#endif
