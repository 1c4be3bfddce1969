/* DEPTHWISE_CONV_2D with Helium: weights as tinynn/src/mve/depthwise3x3.c and depthwise.c read them. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinyi/convolution.h"
#include "tinyi/mve/records.h"

enum { LANES = 8 };

static int32_t padded_channels(const struct tinynn_depthwise *p) {
  return (p->output_channels + LANES - 1) / LANES * LANES;
}

static void pack(const struct tinyi_channels *channels, const struct tinynn_depthwise *p, int8_t *taps,
                 struct tinynn_channel *records) {
  const int32_t pitch = p->output_channels, zero_point = p->input_zero_point;
  const int32_t count = channels->rows.products;
  const int8_t *from = channels->rows.weights;
  int32_t *bias = (int32_t *)(void *)records;
  tinyi_mve_records(channels, 0, pitch, 2, bias);
  tinyi_mve_records(channels, 1, pitch - 1, 2, bias + LANES / 2);
#pragma GCC unroll 1
  for (int32_t left = pitch; left > 0; left -= LANES) {
    const mve_pred16_t lanes = vctp16q((uint32_t)left);
    const int8_t *tap = from;
    int32x4_t even = vdupq_n_s32(0), odd = even;
    for (int32_t i = 0; i < count; ++i) {
      const int16x8_t weights = vldrbq_z_s16(tap, lanes);
      vstrbq_s16(taps + i * LANES, weights);
      even = vaddq_s32(even, vmovlbq_s16(weights));
      odd = vaddq_s32(odd, vmovltq_s16(weights));
      tap += pitch;
    }
    vst1q_s32(bias, vmlaq_n_s32(vld1q_s32(bias), even, -zero_point));
    vst1q_s32(bias + LANES / 2, vmlaq_n_s32(vld1q_s32(bias + LANES / 2), odd, -zero_point));
    from += LANES;
    taps += count * LANES;
    bias += 3 * LANES;
  }
}

/* Three rows of the input with their padding. */
static uint32_t scratch_bytes(const struct tinynn_depthwise *p) {
  return 3 * (uint32_t)((p->output_width - 1) * p->stride_x + 3) * (uint32_t)padded_channels(p);
}

enum { BLOCK = 16, QUARTER = 4 };

static int32_t padded_channels_general(const struct tinynn_depthwise *p) {
  return (p->output_channels + BLOCK - 1) / BLOCK * BLOCK;
}

static void fold(int32_t *biases, int32x4_t sums, int32_t zero_point) {
  vst1q_s32(biases, vmlaq_n_s32(vld1q_s32(biases), sums, -zero_point));
}

static void pack_general(const struct tinyi_channels *channels, const struct tinynn_depthwise *p, int8_t *taps,
                     struct tinynn_channel *records) {
  const int32_t pitch = p->output_channels, zero_point = p->input_zero_point;
  const int32_t count = channels->rows.products;
  const int8_t *from = channels->rows.weights;
  int32_t *bias = (int32_t *)(void *)records;
  for (int32_t i = 0; i < BLOCK / QUARTER; ++i) {
    const int32_t first = i % 2 * 2 + i / 2; /* 0, 2, 1, 3 */
    tinyi_mve_records(channels, first, pitch - first, QUARTER, bias + i * QUARTER);
  }
#pragma GCC unroll 1
  for (int32_t left = pitch; left > 0; left -= BLOCK) {
    const mve_pred16_t lanes = vctp8q((uint32_t)left);
    const int8_t *tap = from;
    int32x4_t from0 = vdupq_n_s32(0), from2 = from0, from1 = from0, from3 = from0;
    for (int32_t i = 0; i < count; ++i) {
      const int8x16_t weights = vldrbq_z_s8(tap, lanes);
      vstrbq_s8(taps + i * BLOCK, weights);
      const int16x8_t even = vmovlbq_s8(weights), odd = vmovltq_s8(weights);
      from0 = vaddq_s32(from0, vmovlbq_s16(even));
      from2 = vaddq_s32(from2, vmovltq_s16(even));
      from1 = vaddq_s32(from1, vmovlbq_s16(odd));
      from3 = vaddq_s32(from3, vmovltq_s16(odd));
      tap += pitch;
    }
    fold(bias, from0, zero_point);
    fold(bias + QUARTER, from2, zero_point);
    fold(bias + 2 * QUARTER, from1, zero_point);
    fold(bias + 3 * QUARTER, from3, zero_point);
    from += BLOCK;
    taps += count * BLOCK;
    bias += 3 * BLOCK;
  }
}

/* Whether no weight is -128, of which two could overflow the 16 bits that two products are added in; converters write
 * none. */
static int32_t has_no_minimum(const struct tinyi_channels *channels) {
  const int8_t *weights = channels->rows.weights;
  int8x16_t least = vdupq_n_s8(INT8_MAX);
  for (int32_t left = channels->rows.channels * channels->rows.products; left > 0; left -= 16) {
    const mve_pred16_t lanes = vctp8q((uint32_t)left);
    least = vminq_m_s8(least, least, vldrbq_z_s8(weights, lanes), lanes);
    weights += 16;
  }
  return vminvq_s8(INT8_MAX, least) != INT8_MIN;
}

static const struct tinyi_depthwise general = {.compute = tinynn_depthwise_mve,
                                           .supports_shape = tinyi_has_one_output_each,
                                           .scratch_bytes = tinyi_tap_bytes,
                                           .supports_weights = has_no_minimum,
                                           .padded_channels = padded_channels_general,
                                           .pack = pack_general};

#define KERNEL_3X3                                                                               \
  .compute = tinynn_depthwise3x3_mve, .supports_shape = tinyi_is_3x3,                            \
  .scratch_bytes = scratch_bytes, .is_in_place = TINYI_ALONG_PIXELS,                                              \
  .supports_weights = has_no_minimum, .padded_channels = padded_channels, .pack = pack

const struct tinyi_depthwise tinyi_depthwise_mve = {KERNEL_3X3};
const struct tinyi_depthwise_general tinyi_depthwise_general_mve = {{KERNEL_3X3, .fallback = &general},
                                                                    NULL};

#endif
