/* Weights of four bits, as a file packs them: see tinyi/int4.h. */
#include "tinyi/int4.h"

/* Four weights in 16 bits become four bytes, the lowest first. */
static inline uint32_t unpack_four(uint32_t four) {
  const uint32_t pairs = (four | four << 8) & 0x00ff00ff;
  /* the sign is carried up to the byte's highest bit, and no further */
  return (((pairs | pairs << 4) & 0x0f0f0f0f) + 0x78787878) ^ 0x78787878;
}

void tinyi_unpack_int4(const int8_t *packed, int32_t first, int32_t count, int8_t *to) {
  const uint8_t *from = (const uint8_t *)packed + first / 2;
  if (first % 2 != 0 && count > 0) {
    *to++ = (int8_t)((int8_t)*from++ >> 4);
    --count;
  }
#pragma GCC unroll 1
  for (; count >= 8; count -= 8) {
    uint32_t eight;
    __builtin_memcpy(&eight, from, sizeof eight);
    const uint32_t low = unpack_four(eight & 0xffff), high = unpack_four(eight >> 16);
    __builtin_memcpy(to, &low, sizeof low);
    __builtin_memcpy(to + 4, &high, sizeof high);
    from += 4;
    to += 8;
  }
  for (int32_t i = 0; i < count; ++i) {
    to[i] = (int8_t)((int8_t)(i % 2 == 0 ? *from << 4 : *from) >> 4);
    from += i % 2;
  }
}
