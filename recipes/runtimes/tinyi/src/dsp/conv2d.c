/* CONV_2D by SMLAD: weights are widened to 16 bits, see conv2d_wide.c of tinynn. */
#include "tinyi/convolution.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/matrix.h"

enum { PIXELS = 3 };

/* Words of a row of the kernel, filled up to groups of four products: two for each. */
static inline int32_t row_groups(const struct tinynn_conv2d *p) {
  return (p->kernel_width * p->input_channels + 3) / 4;
}

/* The last 1 to 3 weights of a row. */
static uint32_t last_weights(const int8_t *from, int32_t count) {
  uint32_t word = 0;
  for (int32_t i = 0; i < count; ++i) {
    word |= (uint32_t)(uint8_t)from[i] << (8 * i);
  }
  return word;
}

static inline void store_group(uint32_t *to, uint32_t a, uint32_t b) {
  to[0] = tinynn_even_bytes(a);
  to[1] = tinynn_even_bytes(b);
  to[2] = tinynn_odd_bytes(a);
  to[3] = tinynn_odd_bytes(b);
}

/* One pair of channels; b is a where there is only one, and its results are not used. */
static uint32_t *pack_pair(const struct tinynn_conv2d *p, const int8_t *a, const int8_t *b, uint32_t *to) {
  const int32_t row_bytes = p->kernel_width * p->input_channels;
  const int32_t rest = row_bytes % 4;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    to = tinynn_widen_rows2_dsp(to, a, b, row_bytes / 4);
    a += row_bytes - rest;
    b += row_bytes - rest;
    if (rest != 0) {
      store_group(to, last_weights(a, rest), last_weights(b, rest));
      a += rest;
      b += rest;
      to += 4;
    }
  }
  return to;
}

static void pack(const struct tinyi_channels *channels, const struct tinynn_conv2d *p, int32_t first, int32_t count,
                 int8_t *weights, struct tinynn_channel *records) {
  const int32_t products = channels->rows.products;
  const int8_t *a = channels->rows.weights + first * products;
  uint32_t *to = (uint32_t *)(void *)weights;
  tinyi_right_shift_records(channels, first, count, records);
  for (int32_t c = 0; c < count; c += 2) {
    to = pack_pair(p, a, c + 1 < count ? a + products : a, to);
    a += 2 * products;
  }
  if (count % 2 != 0) {
    records[count] = records[count - 1];
  }
}

/* Four weights of a channel that lie apart, zeros behind the last ones. */
static uint32_t four_apart(const int8_t *from, int32_t pitch, int32_t count) {
  uint32_t word = 0;
  for (int32_t i = 0; i < 4 && i < count; ++i) {
    word |= (uint32_t)(uint8_t)from[i * pitch] << (8 * i);
  }
  return word;
}

static void pack_apart(const struct tinyi_channels *channels, const struct tinynn_conv2d *p, int32_t first,
                       int32_t count, int8_t *weights, struct tinynn_channel *records) {
  const int32_t pitch = channels->rows.pitch;
  uint32_t *to = (uint32_t *)(void *)weights;
  tinyi_right_shift_records(channels, first, count, records);
  for (int32_t c = 0; c < count; c += 2) {
    const int8_t *from = channels->rows.weights + first + c;
    const int32_t second = c + 1 < count;
    for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
      for (int32_t left = p->kernel_width; left > 0; left -= 4) {
        store_group(to, four_apart(from, pitch, left), four_apart(from + second, pitch, left));
        from += (left < 4 ? left : 4) * pitch;
        to += 4;
      }
    }
  }
  if (count % 2 != 0) {
    records[count] = records[count - 1];
  }
}

/* As backends/tinynn/scratch.py says for conv2d_dsp. */
static uint32_t scratch_bytes(const struct tinynn_conv2d *p) {
  const int32_t products = p->kernel_height * row_groups(p) * 4;
  const int32_t edges = p->kernel_height * p->kernel_width > 1 ? 4 * p->kernel_width * p->input_channels : 0;
  return (uint32_t)(PIXELS * 2 * products + PIXELS * p->output_channels + edges);
}

static uint32_t channel_bytes(const struct tinynn_conv2d *p) {
  return (uint32_t)(p->kernel_height * row_groups(p) * 8);
}

const struct tinyi_conv2d tinyi_conv2d_dsp = {pack, tinynn_conv2d_wide_dsp, scratch_bytes, channel_bytes, 2, 1, NULL};
const struct tinyi_conv2d tinyi_conv2d_apart_dsp = {
    pack_apart, tinynn_conv2d_wide_dsp, scratch_bytes, channel_bytes, 2, 1, NULL};

#endif
