/* See pieces.h. */
#include <stddef.h>

#include "tinynn/pieces.h"

/* Pieces whose size the compiler knows. */
static inline void copy_known(struct tinynn_pieces pieces, int32_t bytes, const int8_t *restrict from,
                              int8_t *restrict to) {
#pragma GCC unroll 1
  for (; pieces.count > 0; --pieces.count) {
    __builtin_memcpy(to, from, (size_t)bytes);
    to += pieces.to_pitch;
    from += pieces.from_pitch;
  }
}

void tinynn_pieces_c(struct tinynn_pieces pieces, const int8_t *restrict from, int8_t *restrict to) {
  if (pieces.bytes == 1) {
    copy_known(pieces, 1, from, to);
  } else if (pieces.bytes == 2) {
    copy_known(pieces, 2, from, to);
  } else if (pieces.bytes == 3) {
    copy_known(pieces, 3, from, to);
  } else if (pieces.bytes == 4) {
    copy_known(pieces, 4, from, to);
  } else {
    for (; pieces.count > 0; --pieces.count) {
      tinynn_copy_short(to, from, pieces.bytes);
      to += pieces.to_pitch;
      from += pieces.from_pitch;
    }
  }
}
