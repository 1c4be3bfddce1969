/* CONV_2D of int16 by SMLAD: see conv2d_int16.c of tinynn. */
#include "tinyi/convolution.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/matrix.h"

enum { PIXELS = TINYNN_MATRIX_PIXELS };

/* The first four weights, or fewer and zeros, in the order 0, 2, 1, 3, from which SXTB16 takes two neighbours. */
static inline uint32_t four_weights(const int8_t *from, int32_t count) {
  uint32_t word = 0;
  if (count >= 4) {
    word = tinynn_load_word(from);
  } else {
#pragma GCC unroll 1
    for (int32_t i = 0; i < count; ++i) {
      word |= (uint32_t)(uint8_t)from[i] << (8 * i);
    }
  }
  return (word & UINT32_C(0xff0000ff)) | (word >> 8 & UINT32_C(0xff00)) | (word << 8 & UINT32_C(0xff0000));
}

/* Pairs of channels, rows of the kernel filled up to groups of four; an odd channel is its own second one. */
static void pack(const struct tinyi_channels *channels, const struct tinynn_conv2d *p, int32_t first, int32_t count,
                 int8_t *weights, struct tinynn_channel *records) {
  const int32_t products = channels->rows.products, row = p->kernel_width * p->input_channels;
  const int8_t *a = channels->rows.weights + first * products;
  uint32_t *to = (uint32_t *)(void *)weights;
  tinyi_narrow_records(channels, first, count, records);
  for (int32_t c = 0; c < count; c += 2, a += products) {
    const int32_t second = c + 1 < count ? products : 0;
    for (int32_t ky = 0; ky < p->kernel_height; ++ky, a += row) {
      for (int32_t i = 0; i < row; i += 4) {
        *to++ = four_weights(a + i, row - i);
        *to++ = four_weights(a + i + second, row - i);
      }
    }
  }
  if (count % 2 != 0) {
    records[count] = records[count - 1];
  }
}

/* As backends/tinynn/scratch.py says for conv2d_int16_dsp. */
static uint32_t channel_bytes(const struct tinynn_conv2d *p) {
  return (uint32_t)(p->kernel_height * ((p->kernel_width * p->input_channels + 3) / 4 * 4));
}

static uint32_t scratch_bytes(const struct tinynn_conv2d *p) {
  const int32_t edges = p->kernel_height * p->kernel_width == 1 ? 0 : 4 * p->kernel_width * p->input_channels;
  return 2 * (PIXELS * (channel_bytes(p) + (uint32_t)p->output_channels) + (uint32_t)edges);
}

static void compute(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                    void *restrict scratch) {
  tinynn_conv2d_int16_dsp(p, (const int16_t *)(const void *)input, (int16_t *)(void *)output, scratch);
}

const struct tinyi_conv2d tinyi_conv2d_int16_dsp = {pack, compute, scratch_bytes, channel_bytes, 2, 1, NULL, PIXELS};

#endif
