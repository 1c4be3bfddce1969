/* Sums of products by Xtensa's MAC16, one instruction for each with the loads of both factors: src/mac16/dots.S.
 *
 * Four int8 are two words of halves there: the second and the fourth, then the first and the third. Of weights these
 * are w * 256, of values x + 128, which takes the fewest instructions; sums are 256 times what they are, with
 * 128 * Σ w more, which the records' biases have already. So they have 23 bits.
 */
#ifndef TINYNN_MAC16_H
#define TINYNN_MAC16_H

#include <stdint.h>

enum { TINYNN_SUM_PLACES = 8 };

/* Some channels of some pixels. */
struct tinynn_dots {
  const uint32_t *x;     /* [pixels][fours][2], as halves */
  const int8_t *weights; /* [channels][fours][4], words */
  int32_t fours;
  int32_t *sums; /* [channels][pixels]; a channel's first one has its bias already, 256 times what it is */
  int32_t pixels, channels;
  uint32_t *room; /* for a channel's weights as halves, and one word */
};

void tinynn_dots_mac16(const struct tinynn_dots *dots);

static inline uint32_t *tinynn_widen_fours(uint32_t *restrict to, uint32_t word) {
  const uint32_t halves = UINT32_C(0x00ff00ff);
  word ^= UINT32_C(0x80808080);
  to[0] = word >> 8 & halves;
  to[1] = word & halves;
  return to + 2;
}

/* Values as halves, from any address; the end of them. */
static inline uint32_t *tinynn_widen(uint32_t *restrict to, const int8_t *restrict from, int32_t fours) {
  uint32_t word;
  if (((uintptr_t)from & 3) == 0) {
#pragma GCC unroll 1
    for (; fours > 0; --fours) {
      __builtin_memcpy(&word, __builtin_assume_aligned(from, 4), sizeof word);
      to = tinynn_widen_fours(to, word);
      from += 4;
    }
  }
#pragma GCC unroll 1
  for (; fours > 0; --fours) {
    __builtin_memcpy(&word, from, sizeof word);
    to = tinynn_widen_fours(to, word);
    from += 4;
  }
  return to;
}

#endif
