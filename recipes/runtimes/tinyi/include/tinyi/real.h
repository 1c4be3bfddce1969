/* float32 numbers and their bits. */
#ifndef TINYI_REAL_H
#define TINYI_REAL_H

#include "tinyi/context.h"

enum { TINYI_ONE = 0x3f800000, TINYI_LEAST_NORMAL = 0x00800000 };

union tinyi_real {
  uint32_t bits;
  float value;
};

static inline float tinyi_real(uint32_t bits) {
  const union tinyi_real real = {bits};
  return real.value;
}

static inline uint32_t tinyi_bits(float value) {
  const union tinyi_real real = {.value = value};
  return real.bits;
}

/* Of a quotient that TFLM takes in float32. Refuses what isn't a scale, answering with 0, and what no kernel can shift
 * by. */
struct tinyi_factor tinyi_factor_of_real(struct tinyi_context *context, float quotient);

#endif
