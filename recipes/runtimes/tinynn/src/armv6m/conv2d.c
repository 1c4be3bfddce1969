/* CONV_2D by words of five pixels (words_conv2d.h), records of backends/tinynn/lines.py. */
#include <stdint.h>

/* A sum's output: a line whose factor is in two parts, so that products have 32 bits. */
struct line {
  int32_t upper, lower, offset, shift, zero;
};
#define WORDS_RECORD struct line
#include "tinynn/words_conv2d.h"

enum { PLACES = 13, DROPPED = 14, SUM_BITS = 18 };

static inline struct line record_of(const struct tinynn_channel *channel, const struct tinynn_tile *tile) {
  const int32_t shift = channel->shift & 31, offset = (int32_t)((uint32_t)channel->shift >> 5);
  const int is_two_sided = tile->output_zero_point > tile->lowest;
  const struct line line = {
      .upper = channel->multiplier >> DROPPED,
      .lower = channel->multiplier & ((1 << DROPPED) - 1),
      .offset = offset + tile->lowest * (1 << shift),
      .shift = shift,
      .zero = is_two_sided ? tile->output_zero_point * (1 << shift) + (1 << PLACES) : INT32_MIN,
  };
  return line;
}

static inline int32_t output_of(int32_t sum, struct line line, const struct tinynn_tile *tile) {
  if ((uint32_t)sum >> SUM_BITS != 0) {
    return sum < 0 ? tile->lowest : tile->highest;
  }
  int32_t x = sum * line.upper + (int32_t)((uint32_t)sum * (uint32_t)line.lower >> DROPPED) + line.offset;
  if (x < line.zero) {
    x -= 1 << PLACES;
  }
  x >>= line.shift;
  return x > tile->highest ? tile->highest : x;
}

void tinynn_conv2d_words_armv6m(const struct tinynn_conv2d *restrict p, const int8_t *restrict input,
                                int8_t *restrict output, void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
