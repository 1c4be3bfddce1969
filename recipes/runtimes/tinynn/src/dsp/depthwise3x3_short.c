/* DEPTHWISE_CONV_2D, int8, 3×3 taps as in depthwise3x3.c, requantised in the short form: see plane3x3_short.S.
 *
 * Packing: [channel] records as in plane3x3.h.
 */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/channels3x3.h"

enum { RECORD = 5, FRACTION_BITS = 10 };

/* Its taps with rows for columns. */
static __attribute__((noinline)) void turn_record(const int32_t *restrict from, int32_t *restrict to) {
  const uint8_t *taps = (const uint8_t *)from;
#pragma GCC unroll 1
  for (int32_t i = 0; i < TAPS; ++i, ++taps) {
    to[i] = (int32_t)(taps[0] | (uint32_t)taps[4] << 8 | (uint32_t)taps[8] << 16);
  }
  to[0] |= (int32_t)((uint32_t)*taps << 24);
  to[3] = from[3];
  to[4] = from[4];
}

static inline void compute(const struct tinynn_depthwise *p, const struct tinynn_plane3x3 *plane, int32_t c,
                           int32_t is_turned) {
  const int32_t *record = (const int32_t *)(const void *)p->weights + RECORD * c;
  int32_t turned[RECORD];
  if (is_turned) {
    turn_record(record, turned);
    record = turned;
  }
  if (p->stride_x == 1) {
    tinynn_plane3x3_short_stride1_dsp(plane, record);
  } else {
    tinynn_plane3x3_short_stride2_dsp(plane, record);
  }
}

/* Outputs of a row are computed by twos. */
static inline int32_t is_better_turned(const struct tinynn_depthwise *p) {
  return p->stride_x == 1 && p->stride_y <= 2 && p->output_width % 2 != 0 && p->output_height > p->output_width;
}

#define KERNEL(name, at_once)                                                                                     \
  void name(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output, void *restrict scratch) { \
    channels3x3(p, input, output, scratch, at_once, p->output_zero_point * (1 << FRACTION_BITS), is_better_turned(p), \
                compute);                                                                                          \
  }

KERNEL(tinynn_depthwise3x3_short_dsp, 1)
KERNEL(tinynn_depthwise3x3_fours_short_dsp, 4)

#endif
