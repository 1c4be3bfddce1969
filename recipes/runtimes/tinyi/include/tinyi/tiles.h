/* CONV_2D by the kernels of tinynn/tiled_conv2d.h: the file that includes this defines TILE_PIXELS and TILE_CHANNELS.
 * It may define TILE_ELEMENT, the type of activations, and TILE_RECORDS, what makes the kernel's records. */
#ifndef TINYI_TILES_H
#define TINYI_TILES_H

#include "tinyi/convolution.h"

#ifndef TILE_ELEMENT
#define TILE_ELEMENT int8_t
#define TILE_RECORDS tinyi_right_shift_records
#endif

/* [blocks][products][TILE_CHANNELS]; the zero point times their sums is part of the biases. */
static void pack(const struct tinyi_channels *channels, const struct tinynn_conv2d *p, int32_t first, int32_t count,
                 int8_t *weights, struct tinynn_channel *records) {
  const int32_t products = channels->rows.products;
  (void)p;
  TILE_RECORDS(channels, first, count, records);
  for (int32_t c = 0; c < (count + TILE_CHANNELS - 1) / TILE_CHANNELS * TILE_CHANNELS; ++c) {
    int8_t *to = weights + c / TILE_CHANNELS * TILE_CHANNELS * products + c % TILE_CHANNELS;
    if (c >= count) {
      for (int32_t i = 0; i < products; ++i) {
        to[i * TILE_CHANNELS] = 0;
      }
      records[c] = records[0]; /* any that is valid */
      continue;
    }
    const int8_t *from = channels->rows.weights + (first + c) * products;
    int32_t sum = 0;
#pragma GCC unroll 4
    for (int32_t i = 0; i < products; ++i) {
      to[i * TILE_CHANNELS] = from[i];
      sum += from[i];
    }
    records[c].bias -= channels->input_zero_point * sum;
  }
}

static uint32_t scratch_bytes(const struct tinynn_conv2d *p) {
  return (uint32_t)sizeof(TILE_ELEMENT) * tinyi_tile_bytes(p, TILE_PIXELS);
}

#endif
