/* STRIDED_SLICE, SLICE, TRANSPOSE with Helium: the formula of ref/gather.c, eight elements of the innermost axis at a time
 * by a load from eight places. Its stride is positive, and seven of it are below 2^16. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinynn.h"

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
  const int32_t *strides = p->strides;
  for (int32_t i = 0; i < p->shape[0]; ++i) {
    for (int32_t j = 0; j < p->shape[1]; ++j) {
      for (int32_t k = 0; k < p->shape[2]; ++k) {
        const int8_t *from = input + p->offset + i * strides[0] + j * strides[1] + k * strides[2];
        for (int32_t l = 0; l < p->shape[3]; ++l) {
          output = copy_strided(output, from, strides[4], p->shape[4]);
          from += strides[3];
        }
      }
    }
  }
}
#endif
