/* CONV_2D by SMLAD: weights are widened to 16 bits, see conv2d_wide.c of tinynn. */
#include "tinyi/convolution.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/matrix.h"

enum { PIXELS = 3 };

/* The last 1 to 3 weights of a channel. */
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
static uint32_t *pack_pair(const int8_t *a, const int8_t *b, int32_t products, uint32_t *to) {
  const int32_t rest = products % 4;
  to = tinynn_widen_rows2_dsp(to, a, b, products / 4);
  if (rest != 0) {
    store_group(to, last_weights(a + products - rest, rest), last_weights(b + products - rest, rest));
    to += 4;
  }
  return to;
}

static void pack(const struct tinyi_channels *channels, const struct tinynn_conv2d *p, int32_t first, int32_t count,
                 int8_t *weights, struct tinynn_channel *records) {
  const int32_t products = channels->rows.products;
  const int8_t *a = channels->rows.weights + first * products;
  uint32_t *to = (uint32_t *)(void *)weights;
  (void)p;
  tinyi_right_shift_records(channels, first, count, records);
  for (int32_t c = 0; c < count; c += 2) {
    to = pack_pair(a, c + 1 < count ? a + products : a, products, to);
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
  (void)p;
  tinyi_right_shift_records(channels, first, count, records);
  for (int32_t c = 0; c < count; c += 2) {
    const int8_t *from = channels->rows.weights + first + c;
    const int32_t second = c + 1 < count;
    for (int32_t left = channels->rows.products; left > 0; left -= 4, from += 4 * pitch, to += 4) {
      store_group(to, four_apart(from, pitch, left), four_apart(from + second, pitch, left));
    }
  }
  if (count % 2 != 0) {
    records[count] = records[count - 1];
  }
}

/* As backends/tinynn/scratch.py says for conv2d_dsp. */
static inline uint32_t filled(const struct tinynn_conv2d *p) { return (tinyi_row_bytes(p) + 3) / 4 * 4; }

static uint32_t scratch_bytes(const struct tinynn_conv2d *p) {
  const uint32_t row_bytes = (uint32_t)(p->kernel_width * p->input_channels);
  const uint32_t fixed = PIXELS * (2 * filled(p) + (uint32_t)p->output_channels);
  if (p->kernel_height * p->kernel_width == 1) {
    return fixed;
  }
  return fixed + 4 * row_bytes + (p->kernel_height == 1 || row_bytes % 4 == 0 ? 0 : PIXELS * filled(p));
}

static uint32_t channel_bytes(const struct tinynn_conv2d *p) { return 2 * filled(p); }

const struct tinyi_conv2d tinyi_conv2d_dsp = {pack, tinynn_conv2d_wide_dsp, scratch_bytes, channel_bytes, 2, 1, NULL, PIXELS};
const struct tinyi_conv2d tinyi_conv2d_apart_dsp = {
    pack_apart, tinynn_conv2d_wide_dsp, scratch_bytes, channel_bytes, 2, 1, NULL, PIXELS};

#endif
