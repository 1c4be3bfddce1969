/* DEPTHWISE_CONV_2D with RISC-V's vectors: weights as tinynn/src/rvv/depthwise3x3.c and depthwise.c read them. */
#if defined(__riscv_vector)
#include "tinyi/convolution.h"
#include "tinyi/rvv/minimum.h"
#include "tinyi/rvv/records.h"

enum { LANES = 32, MOST_OF_16_BITS = 255 /* times 128 */ };

/* Neighbouring pixels that a vector holds. */
static int32_t pixels_of(const struct tinynn_depthwise *p) {
  return p->stride_x == 1 && 2 * p->output_channels <= LANES ? LANES / p->output_channels : 1;
}

static int32_t padded_channels(const struct tinynn_depthwise *p) { return pixels_of(p) * p->output_channels; }

/* One block of channels; what it holds is repeated for each pixel, `pitch` being all of them. */
static void pack_block(const struct tinyi_channels *channels, int32_t first, size_t lanes, size_t pitch, int8_t *taps,
                       int32_t *to) {
  const int8_t *from = channels->rows.weights + first;
  vint32m8_t wide = __riscv_vmv_v_x_i32m8(0, lanes);
  vint16m4_t sums = __riscv_vmv_v_x_i16m4(0, lanes);
  for (int32_t i = 1; i <= channels->rows.products; ++i) {
    const vint8m2_t weights = __riscv_vle8_v_i8m2(from, lanes);
    for (size_t place = 0; place < pitch; place += lanes) {
      __riscv_vse8_v_i8m2(taps + place, weights, lanes);
    }
    sums = __riscv_vwadd_wv_i16m4(sums, weights, lanes);
    if (i % MOST_OF_16_BITS == 0) {
      wide = __riscv_vwadd_wv_i32m8(wide, sums, lanes);
      sums = __riscv_vmv_v_x_i16m4(0, lanes);
    }
    from += channels->rows.pitch;
    taps += pitch;
  }
  wide = __riscv_vwadd_wv_i32m8(wide, sums, lanes);
  vint32m8_t biases = __riscv_vle32_v_i32m8(to, lanes);
  biases = __riscv_vnmsac_vx_i32m8(biases, channels->input_zero_point, wide, lanes);
  __riscv_vse32_v_i32m8(to, biases, lanes);
  for (int32_t i = 0; i < 3 && pitch > lanes; ++i) {
    const vint32m8_t part = __riscv_vle32_v_i32m8(to, lanes);
    for (size_t place = lanes; place < pitch; place += lanes) {
      __riscv_vse32_v_i32m8(to + place, part, lanes);
    }
    to += pitch;
  }
}

static void pack_pixels(const struct tinyi_channels *channels, int32_t pixels, int8_t *taps,
                        struct tinynn_channel *records) {
  int32_t *to = (int32_t *)(void *)records;
  for (int32_t c = 0; c < channels->rows.channels; c += LANES) {
    const int32_t left = channels->rows.channels - c;
    const size_t lanes = (size_t)(left < LANES ? left : LANES), pitch = (size_t)pixels * lanes;
    tinyi_rvv_records(channels, c, lanes, to, pitch);
    pack_block(channels, c, lanes, pitch, taps, to);
    taps += (size_t)channels->rows.products * pitch;
    to += 3 * pitch;
  }
}

static void pack(const struct tinyi_channels *channels, const struct tinynn_depthwise *p, int8_t *taps,
                 struct tinynn_channel *records) {
  pack_pixels(channels, pixels_of(p), taps, records);
}

static void pack_general(const struct tinyi_channels *channels, const struct tinynn_depthwise *p, int8_t *taps,
                     struct tinynn_channel *records) {
  (void)p;
  pack_pixels(channels, 1, taps, records);
}

static int32_t padded_channels_general(const struct tinynn_depthwise *p) { return p->output_channels; }

/* Three rows of the input with their padding. */
static uint32_t scratch_bytes(const struct tinynn_depthwise *p) {
  return 3 * (uint32_t)((p->output_width - 1) * p->stride_x + 3) * (uint32_t)p->output_channels;
}

static const struct tinyi_depthwise general = {.compute = tinynn_depthwise_rvv,
                                           .supports_shape = tinyi_has_one_output_each,
                                           .scratch_bytes = tinyi_tap_bytes,
                                           .padded_channels = padded_channels_general,
                                           .pack = pack_general};

#define KERNEL_3X3                                                                               \
  .compute = tinynn_depthwise3x3_rvv, .supports_shape = tinyi_is_3x3,                            \
  .scratch_bytes = scratch_bytes, .is_in_place = TINYI_ALONG_PIXELS,                                              \
  .supports_weights = tinyi_rvv_has_no_minimum, .padded_channels = padded_channels, .pack = pack

const struct tinyi_depthwise tinyi_depthwise_rvv = {KERNEL_3X3};
const struct tinyi_depthwise_general tinyi_depthwise_general_rvv = {{KERNEL_3X3, .fallback = &general},
                                                                    NULL};

#endif
