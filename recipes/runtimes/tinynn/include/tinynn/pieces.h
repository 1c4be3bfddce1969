/* Pieces of a few bytes to and from regular places: a call of memcpy for each would cost more than the bytes. */
#ifndef TINYNN_PIECES_H
#define TINYNN_PIECES_H

#include <stdint.h>

struct tinynn_pieces {
  int32_t count, bytes; /* of each */
  int32_t from_pitch, to_pitch;
};

void tinynn_pieces_c(struct tinynn_pieces pieces, const int8_t *restrict from, int8_t *restrict to);

static inline void tinynn_copy_short(int8_t *restrict to, const int8_t *restrict from, int32_t bytes) {
#pragma GCC unroll 1
  for (; bytes >= 4; bytes -= 4) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
    to += 4;
    from += 4;
  }
#pragma GCC unroll 1
  for (; bytes > 0; --bytes) {
    *to++ = *from++;
  }
}

#endif
