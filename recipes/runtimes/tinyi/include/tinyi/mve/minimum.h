/* The kernels with vectors add two products in 16 bits, which two weights of -128 could overflow; converters write
 * none. */
#ifndef TINYI_MVE_MINIMUM_H
#define TINYI_MVE_MINIMUM_H

#include <arm_mve.h>

#include "tinyi/channels.h"

/* Whether no weight is -128. */
static int32_t tinyi_mve_has_no_minimum(const struct tinyi_channels *channels) {
  const int8_t *weights = channels->rows.weights;
  int8x16_t least = vdupq_n_s8(INT8_MAX);
  for (int32_t left = channels->rows.channels * channels->rows.products; left > 0; left -= 16) {
    const mve_pred16_t lanes = vctp8q((uint32_t)left);
    least = vminq_m_s8(least, least, vldrbq_z_s8(weights, lanes), lanes);
    weights += 16;
  }
  return vminvq_s8(INT8_MAX, least) != INT8_MIN;
}

#endif
