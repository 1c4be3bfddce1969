/* Instructions of Armv7E-M and of the DSP extension of Armv8-M that C has no words for. */
#ifndef TINYNN_DSP_H
#define TINYNN_DSP_H

#include <stdint.h>
#include <string.h>

/* Two signed 16-bit numbers, the first in the lower half. */
typedef uint32_t tinynn_pair;

/* Four bytes from any address. */
static inline uint32_t tinynn_load_word(const int8_t *from) {
  uint32_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

/* Bytes 0 and 2, sign-extended. */
static inline tinynn_pair tinynn_even_bytes(uint32_t bytes) {
  tinynn_pair result;
  __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(bytes));
  return result;
}

/* Bytes 1 and 3, sign-extended. */
static inline tinynn_pair tinynn_odd_bytes(uint32_t bytes) {
  tinynn_pair result;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(bytes));
  return result;
}

/* Two equal halves. */
static inline tinynn_pair tinynn_twice(int32_t value) {
  return (uint32_t)(uint16_t)value * UINT32_C(0x10001);
}

#endif
