/* values[i] = clamp(values[i], lowest, highest), four at a time by SSUB8 and SEL. */
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/bytes.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/fixed_point.h"

#if defined(__ARM_FEATURE_DSP)

void tinynn_clamp_dsp(int8_t *values, int32_t count, int32_t lowest, int32_t highest) {
  const uint32_t low = tinynn_four_times(lowest);
  const uint32_t high = tinynn_four_times(highest);
  for (; count >= 4; count -= 4) {
    tinynn_store_word(values, tinynn_smaller_bytes(tinynn_larger_bytes(tinynn_load_word(values), low), high));
    values += 4;
  }
  for (; count > 0; --count) {
    *values = (int8_t)tinynn_clamp(*values, lowest, highest);
    ++values;
  }
}

void tinynn_clamp_int16_dsp(int16_t *values, int32_t count, int32_t lowest, int32_t highest) {
  const uint32_t low = (uint16_t)lowest * UINT32_C(0x10001), high = (uint16_t)highest * UINT32_C(0x10001);
  for (; count >= 2; count -= 2) {
    tinynn_store_word(values, tinynn_smaller_halves(tinynn_larger_halves(tinynn_load_word(values), low), high));
    values += 2;
  }
  if (count > 0) {
    *values = (int16_t)tinynn_clamp(*values, lowest, highest);
  }
}

#endif
