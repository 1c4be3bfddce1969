/* values[i] = clamp(values[i], lowest, highest), four at a time by SSUB8 and SEL. */
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/fixed_point.h"

#if defined(__ARM_FEATURE_DSP)

/* The larger one of each of four int8 numbers. */
static inline uint32_t larger(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
}

static inline uint32_t smaller(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
}

void tinynn_clamp_dsp(int8_t *values, int32_t count, int32_t lowest, int32_t highest) {
  const uint32_t low = (uint32_t)(uint8_t)lowest * UINT32_C(0x01010101);
  const uint32_t high = (uint32_t)(uint8_t)highest * UINT32_C(0x01010101);
  for (; count >= 4; count -= 4) {
    tinynn_store_word(values, smaller(larger(tinynn_load_word(values), low), high));
    values += 4;
  }
  for (; count > 0; --count) {
    *values = (int8_t)tinynn_clamp(*values, lowest, highest);
    ++values;
  }
}

#endif
