/* DEPTHWISE_CONV_2D of 3×3 taps with Helium: weights as tinynn/src/mve/depthwise3x3.c wants them. */
#if defined(__ARM_FEATURE_MVE)
#include "tinyi/convolution.h"
#include "tinyi/mve/lowest.h"
#include "tinyi/mve/records.h"

enum { LANES = 8, TAPS = 9 };

static int32_t slots(const struct tinynn_depthwise *p) { return (p->output_channels + LANES - 1) / LANES * LANES; }

static void store(int32_t *to, struct tinyi_mve_records records, int32x4_t sums, int32_t zero_point) {
  vst1q_s32(to, vsubq_s32(records.biases, vmulq_n_s32(sums, zero_point)));
  vst1q_s32(to + LANES, records.multipliers);
  vst1q_s32(to + 2 * LANES, records.shifts);
}

static void pack(const struct tinyi_channels *channels, const struct tinynn_depthwise *p, int8_t *taps,
                 struct tinynn_channel *records) {
  int32_t *to = (int32_t *)(void *)records;
  for (int32_t c = 0; c < p->output_channels; c += LANES) {
    const int32_t left = p->output_channels - c, count = left < LANES ? left : LANES;
    const mve_pred16_t lanes = vctp16q((uint32_t)count);
    const int8_t *from = channels->rows.weights + c;
    int16x8_t sums = vdupq_n_s16(0);
    for (int32_t i = 0; i < TAPS; ++i) {
      const int16x8_t weights = vldrbq_z_s16(from, lanes);
      vstrbq_s16(taps, weights);
      sums = vaddq_s16(sums, weights);
      from += p->output_channels;
      taps += LANES;
    }
    store(to, tinyi_mve_records(channels, c, 2, (count + 1) / 2), vmovlbq_s16(sums), p->input_zero_point);
    store(to + LANES / 2, tinyi_mve_records(channels, c + 1, 2, count / 2), vmovltq_s16(sums), p->input_zero_point);
    to += 3 * LANES;
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
