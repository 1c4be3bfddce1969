/* DEPTHWISE_CONV_2D of 3×3 taps with Helium: weights as tinynn/src/mve/depthwise3x3.c wants them. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinyi/convolution.h"
#include "tinyi/mve/lowest.h"
#include "tinyi/mve/records.h"

enum { LANES = 8, TAPS = 9 };

static int32_t slots(const struct tinynn_depthwise *p) { return (p->output_channels + LANES - 1) / LANES * LANES; }

static void pack(const struct tinyi_channels *channels, const struct tinynn_depthwise *p, int8_t *taps,
                 struct tinynn_channel *records) {
  const int32_t pitch = p->output_channels, zero_point = p->input_zero_point;
  const int8_t *from = channels->rows.weights;
  int32_t *bias = (int32_t *)(void *)records;
  tinyi_mve_records(channels, 0, pitch, 2, bias);
  tinyi_mve_records(channels, 1, pitch - 1, 2, bias + LANES / 2);
#pragma GCC unroll 1
  for (int32_t left = pitch; left > 0; left -= LANES) {
    const mve_pred16_t lanes = vctp16q((uint32_t)left);
    const int8_t *tap = from;
    int16x8_t sums = vdupq_n_s16(0);
    for (int32_t i = 0; i < TAPS; ++i) {
      const int16x8_t weights = vldrbq_z_s16(tap, lanes);
      vstrbq_s16(taps + i * LANES, weights);
      sums = vaddq_s16(sums, weights);
      tap += pitch;
    }
    vst1q_s32(bias, vmlaq_n_s32(vld1q_s32(bias), vmovlbq_s16(sums), -zero_point));
    vst1q_s32(bias + LANES / 2, vmlaq_n_s32(vld1q_s32(bias + LANES / 2), vmovltq_s16(sums), -zero_point));
    from += LANES;
    taps += TAPS * LANES;
    bias += 3 * LANES;
  }
}

/* Three rows of the input with their padding. */
static uint32_t scratch_bytes(const struct tinynn_depthwise *p) {
  return 3 * (uint32_t)((p->output_width - 1) * p->stride_x + 3) * (uint32_t)slots(p);
}

const struct tinyi_depthwise tinyi_depthwise_mve = {.compute = tinynn_depthwise3x3_mve,
                                                    .scratch_bytes = scratch_bytes,
                                                    .largest_stride_x = TINYI_MAX_STRIDE,
                                                    .takes = tinyi_mve_has_no_lowest,
                                                    .slots = slots,
                                                    .pack = pack};

#endif
