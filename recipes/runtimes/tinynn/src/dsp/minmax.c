/* MINIMUM and MAXIMUM: the formula of ref/minmax.c, four numbers at a time by SSUB8 and SEL. */
#include "tinynn.h"
#include "tinynn/dsp/bytes.h"
#include "tinynn/dsp/instructions.h"

#if defined(__ARM_FEATURE_DSP)

#define KERNEL(name, of_bytes, compares)                                                                              \
  void name(const struct tinynn_minmax *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {        \
    int32_t i = 0;                                                                                                    \
    _Pragma("GCC unroll 2") for (; i + 4 <= p->elements; i += 4) {                                                    \
      tinynn_store_word(output + i, of_bytes(tinynn_load_word(left + i), tinynn_load_word(right + i)));               \
    }                                                                                                                 \
    for (; i < p->elements; ++i) {                                                                                    \
      output[i] = left[i] compares right[i] ? left[i] : right[i];                                                     \
    }                                                                                                                 \
  }
KERNEL(tinynn_minimum_dsp, tinynn_smaller_bytes, <)
KERNEL(tinynn_maximum_dsp, tinynn_larger_bytes, >)

#endif
