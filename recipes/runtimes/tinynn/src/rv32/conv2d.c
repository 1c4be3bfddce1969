/* CONV_2D for RV32IM: tiles of 4 pixels by 4 channels, which 28 registers hold (tile4x4.S). */
#define TILE_PIXELS 4
#define TILE_CHANNELS 4
#include "tinynn/tiled_conv2d.h"

void tinynn_tile4x4_rv32(const struct tinynn_tile *tile);

static inline void tile(const struct tinynn_tile *tile) { tinynn_tile4x4_rv32(tile); }

void tinynn_conv2d_rv32(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                        void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
