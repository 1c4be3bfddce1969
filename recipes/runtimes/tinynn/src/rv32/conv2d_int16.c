/* CONV_2D of int16 where sums have 32 bits: tiles of 2 pixels by 4 channels. */
#define TILE_PIXELS 2
#define TILE_CHANNELS 4
#include "tinynn/tile_int16.h"

void tinynn_conv2d_int16_rv32(const struct tinynn_conv2d *restrict p, const int16_t *input,
                              int16_t *output, void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
