/* CONV_2D for 13 registers: tiles of 2 pixels by 2 channels. */
#define TILE_PIXELS 2
#define TILE_CHANNELS 2
#include "tinynn/tiled_conv2d.h"

void tinynn_conv2d_c(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                     void *restrict scratch) {
  tinynn_tiled_conv2d(p, input, output, scratch);
}
