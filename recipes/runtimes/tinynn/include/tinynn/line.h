/* A sum's output by a line whose factor is in two parts, so that products have 32 bits: records of backends/tinynn/lines.py.
 *
 *   sum < 0: lowest; sum >= 2^18: highest; otherwise
 *   x = sum * upper + floor(sum * lower / 2^14) + offset, less 2^13 where x < zero; output = min(x >> shift, highest)
 */
#ifndef TINYNN_LINE_H
#define TINYNN_LINE_H

#include <stdint.h>

#include "tinynn.h"

struct tinynn_line {
  int32_t upper, lower, offset, shift, zero;
};

enum { TINYNN_LINE_PLACES = 13, TINYNN_LINE_DROPPED = 14, TINYNN_LINE_SUM_BITS = 18 };

static inline struct tinynn_line tinynn_line(const struct tinynn_channel *channel, int32_t output_zero_point,
                                             int32_t lowest) {
  const int32_t shift = channel->shift & 31, offset = (int32_t)((uint32_t)channel->shift >> 5);
  const int is_two_sided = output_zero_point > lowest;
  const struct tinynn_line line = {
      .upper = channel->multiplier >> TINYNN_LINE_DROPPED,
      .lower = channel->multiplier & ((1 << TINYNN_LINE_DROPPED) - 1),
      .offset = offset + lowest * (1 << shift),
      .shift = shift,
      .zero = is_two_sided ? output_zero_point * (1 << shift) + (1 << TINYNN_LINE_PLACES) : INT32_MIN,
  };
  return line;
}

#endif
