/* Any function of one int8 value with Helium: sixteen table entries at a time (see c/lookup.c). */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinynn.h"

void tinynn_lookup_mve(const struct tinynn_lookup *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t count = p->elements; count > 0; count -= 16) {
    const mve_pred16_t lanes = vctp8q((uint32_t)count);
    const uint8x16_t values = vldrbq_z_u8((const uint8_t *)input, lanes);
    const uint8x16_t places = veorq_u8(values, vdupq_n_u8(0x80)); /* -128 … 127 to 0 … 255 */
    const uint8x16_t found = vldrbq_gather_offset_z_u8((const uint8_t *)p->table, places, lanes);
    vstrbq_p_u8((uint8_t *)output, found, lanes);
    input += 16;
    output += 16;
  }
}
#endif
