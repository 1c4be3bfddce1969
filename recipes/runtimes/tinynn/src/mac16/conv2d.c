/* CONV_2D by MAC16 (mac16_conv2d.h), records of backends/tinynn/lines.py. */
#include "tinynn/line.h"
#define MAC16_RECORD struct tinynn_line
#include "tinynn/mac16_conv2d.h"

static inline struct tinynn_line record_of(const struct tinynn_channel *channel, const struct tinynn_tile *tile) {
  return tinynn_line(channel, tile->output_zero_point, tile->lowest);
}

static inline int32_t output_of(int32_t sum, struct tinynn_line line, const struct tinynn_tile *tile) {
  return tinynn_on_line(sum, line, tile->lowest, tile->highest);
}

void tinynn_conv2d_line_mac16(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                              void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
