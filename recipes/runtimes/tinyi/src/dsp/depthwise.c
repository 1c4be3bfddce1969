/* DEPTHWISE_CONV_2D by SMLAD. */
#include "tinyi/convolution.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/instructions.h"

static int32_t supports_shape(const struct tinynn_depthwise *p) { return tinyi_is_3x3(p) && p->stride_x <= 2; }

/* One channel with padding around it, of 16 bits; rows are even. */
static uint32_t scratch_bytes(const struct tinynn_depthwise *p) {
  const struct tinyi_plane plane = tinyi_plane(p);
  return (uint32_t)(2 * plane.rows * (plane.columns + plane.columns % 2));
}

static int32_t supports_general(const struct tinynn_depthwise *p) {
  return p->dilation_x == 1 && tinyi_plane(p).rows != 0;
}

/* Pairs of taps; what is read behind the plane. */
static uint32_t scratch_bytes_general(const struct tinynn_depthwise *p) {
  const int32_t behind = 3 * p->stride_x, pairs = p->kernel_height * (p->kernel_width / 2 + 1);
  return scratch_bytes(p) + (uint32_t)(2 * (behind + 2 + behind % 2) + 8 * pairs);
}

static const struct tinyi_depthwise general = {.compute = tinynn_depthwise_dsp,
                                               .supports_shape = supports_general,
                                               .scratch_bytes = scratch_bytes_general,
                                               .is_in_place = TINYI_ALONG_PLANES};

/* For four channels at a time: each pair of taps is a0 b0 a1 b1, `step` behind the one before, and c0 d0 c1 d1 is as far
 * behind as `others` says. */
static inline __attribute__((always_inline)) void pack_fours(const struct tinyi_channels *channels,
                                                             const struct tinynn_depthwise *p, int8_t *to,
                                                             struct tinynn_channel *record, int32_t pairs, int32_t step,
                                                             int32_t others) {
  const int32_t pitch = p->output_channels, taps = channels->rows.products;
  const tinynn_pair fold = tinynn_twice(-p->input_zero_point);
  tinyi_right_shift_records(channels, 0, pitch, record);
  for (int32_t first_channel = 0; first_channel < pitch; first_channel += 4, record += 4) {
    const int8_t *from = channels->rows.weights + first_channel;
    int8_t *pair = to;
    int32_t a = record[0].bias, b = record[1].bias, c = record[2].bias, d = record[3].bias;
    for (int32_t i = 0; i < 2 * pairs; i += 2) {
      const uint32_t first = i < taps ? tinynn_load_word(from) : 0;
      const uint32_t second = i + 1 < taps ? tinynn_load_word(from + pitch) : 0;
      const uint32_t lower = tinynn_lower_halves(first, second), upper = tinynn_upper_halves(first, second);
      tinynn_store_word(pair, lower);
      tinynn_store_word(pair + others, upper);
      a = tinynn_multiply_pairs(tinynn_even_bytes(lower), fold, a);
      b = tinynn_multiply_pairs(tinynn_odd_bytes(lower), fold, b);
      c = tinynn_multiply_pairs(tinynn_even_bytes(upper), fold, c);
      d = tinynn_multiply_pairs(tinynn_odd_bytes(upper), fold, d);
      from += 2 * pitch;
      pair += step;
    }
    record[0].bias = a;
    record[1].bias = b;
    record[2].bias = c;
    record[3].bias = d;
    to += 8 * pairs;
  }
}

/* A row: as tinynn/src/dsp/depthwise_row.c has it. */
static int32_t supports_row(const struct tinynn_depthwise *p) {
  return p->input_height == 1 && p->output_height == 1 && p->kernel_height == 1 && p->depth_multiplier == 1 &&
         p->stride_x == 1 && p->dilation_x == 1 && p->pad_top == 0 && p->input_channels % 4 == 0;
}

static int32_t row_pairs(const struct tinynn_depthwise *p) { return (p->kernel_width / 2 + 3) / 3 * 3; }

static int32_t row_taps(const struct tinynn_depthwise *p) { return 2 * row_pairs(p); }

static uint32_t scratch_bytes_row(const struct tinynn_depthwise *p) {
  const int32_t pairs = row_pairs(p), columns = 2 * ((p->output_width + 3) / 4) - 1 + pairs;
  return 16 * (uint32_t)(pairs + columns);
}

static void pack_row(const struct tinyi_channels *channels, const struct tinynn_depthwise *p, int8_t *taps,
                     struct tinynn_channel *records) {
  const int32_t pairs = row_pairs(p);
  pack_fours(channels, p, taps, records, pairs, 4, 4 * pairs);
}

static const struct tinyi_depthwise row = {.compute = tinynn_depthwise_row_dsp,
                                           .supports_shape = supports_row,
                                           .scratch_bytes = scratch_bytes_row,
                                           .is_in_place = TINYI_ALONG_PLANES,
                                           .fallback = &general,
                                           .packed_taps = row_taps,
                                           .pack = pack_row};

/* One output pixel that sees the whole input: as tinynn/src/dsp/depthwise_pixel.c has it. */
static int32_t supports_pixel(const struct tinynn_depthwise *p) {
  return p->input_height == p->kernel_height && p->output_height == 1 && p->input_width == p->kernel_width &&
         p->output_width == 1 && p->depth_multiplier == 1 && p->dilation_y == 1 && p->dilation_x == 1 &&
         p->pad_top == 0 && p->pad_left == 0 && p->input_channels % 4 == 0 && tinyi_plane(p).rows != 0;
}

static int32_t pixel_pairs(const struct tinynn_depthwise *p) { return (p->kernel_height * p->kernel_width + 1) / 2; }

static int32_t pixel_taps(const struct tinynn_depthwise *p) { return 2 * pixel_pairs(p); }

static uint32_t scratch_bytes_pixel(const struct tinynn_depthwise *p) {
  (void)p;
  return 0;
}

static void pack_pixel(const struct tinyi_channels *channels, const struct tinynn_depthwise *p, int8_t *taps,
                       struct tinynn_channel *records) {
  pack_fours(channels, p, taps, records, pixel_pairs(p), 8, 4);
}

static const struct tinyi_depthwise pixel = {.compute = tinynn_depthwise_pixel_dsp,
                                             .supports_shape = supports_pixel,
                                             .scratch_bytes = scratch_bytes_pixel,
                                             .is_in_place = TINYI_ALONG_PLANES,
                                             .fallback = &row,
                                             .packed_taps = pixel_taps,
                                             .pack = pack_pixel};

#define KERNEL_3X3 \
  .compute = tinynn_depthwise3x3_dsp, .supports_shape = supports_shape, .scratch_bytes = scratch_bytes, .is_in_place = TINYI_ALONG_PLANES

const struct tinyi_depthwise tinyi_depthwise_dsp = {KERNEL_3X3};
const struct tinyi_depthwise_general tinyi_depthwise_general_dsp = {{KERNEL_3X3, .fallback = &pixel},
                                                                    &tinyi_conv2d_apart_dsp};

#endif
