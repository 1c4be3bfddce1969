/* CONV_2D by MAC16 (mac16_conv2d.h), records of backends/tinynn/lines.py. */
#include "tinynn/mac16_conv2d.h"

void tinynn_tile_mac16(const struct tinynn_tile *tile);

static inline void tile(const struct tinynn_tile *tile) { tinynn_tile_mac16(tile); }

void tinynn_conv2d_line_mac16(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                              void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
