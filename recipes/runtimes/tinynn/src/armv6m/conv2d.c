/* CONV_2D by words of five pixels (words_conv2d.h), records of backends/tinynn/lines.py. */
#include "tinynn/line.h"
#define WORDS_RECORD struct tinynn_line
#include "tinynn/words_conv2d.h"

static inline struct tinynn_line record_of(const struct tinynn_channel *channel, const struct tinynn_tile *tile) {
  return tinynn_line(channel, tile->output_zero_point, tile->lowest);
}

static inline int32_t output_of(int32_t sum, struct tinynn_line line, const struct tinynn_tile *tile) {
  if ((uint32_t)sum >> TINYNN_LINE_SUM_BITS != 0) {
    return sum < 0 ? tile->lowest : tile->highest;
  }
  int32_t x = sum * line.upper + (int32_t)((uint32_t)sum * (uint32_t)line.lower >> TINYNN_LINE_DROPPED) + line.offset;
  if (x < line.zero) {
    x -= 1 << TINYNN_LINE_PLACES;
  }
  x >>= line.shift;
  return x > tile->highest ? tile->highest : x;
}

void tinynn_conv2d_words_armv6m(const struct tinynn_conv2d *restrict p, const int8_t *restrict input,
                                int8_t *restrict output, void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
