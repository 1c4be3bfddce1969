/* The same with records as in rescale_right.h. */
#include "tinynn/rescale_right.h"
#define MAC16_RECORD struct tinynn_right
#include "tinynn/fixed_point.h"
#include "tinynn/mac16_conv2d.h"

static inline struct tinynn_right record_of(const struct tinynn_channel *channel, const struct tinynn_tile *tile) {
  return tinynn_right(channel, tile->output_zero_point);
}

static inline int32_t output_of(int32_t sum, struct tinynn_right right, const struct tinynn_tile *tile) {
  return tinynn_clamp(tinynn_rescale_right(sum, right), tile->lowest, tile->highest);
}

void tinynn_conv2d_right_mac16(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                               void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
