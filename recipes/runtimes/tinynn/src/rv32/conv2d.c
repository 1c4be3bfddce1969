/* CONV_2D for 31 registers: tiles of 4 pixels by 4 channels, 2.5 instructions for a product on RV32IM. */
#define TILE_PIXELS 4
#define TILE_CHANNELS 4
#include "tinynn/tiled_conv2d.h"

void tinynn_conv2d_rv32(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                        void *restrict scratch) {
  tinynn_tiled_conv2d(p, input, output, scratch);
}
