/* Instructions of Armv7E-M and of the DSP extension of Armv8-M that C has no words for. */
#ifndef TINYNN_DSP_H
#define TINYNN_DSP_H

#include <stdint.h>

/* Two signed 16-bit numbers, the first in the lower half. */
typedef uint32_t tinynn_pair;

/* Four bytes from and to any address: one instruction. A freestanding compiler would call memcpy. */
static inline uint32_t tinynn_load_word(const void *from) {
  uint32_t word;
  __builtin_memcpy(&word, from, sizeof word);
  return word;
}

static inline void tinynn_store_word(void *to, uint32_t word) { __builtin_memcpy(to, &word, sizeof word); }

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

/* The same, added to a pair. */
static inline tinynn_pair tinynn_add_even_bytes(tinynn_pair pair, uint32_t bytes) {
  tinynn_pair result;
  __asm__("sxtab16 %0, %1, %2" : "=r"(result) : "r"(pair), "r"(bytes));
  return result;
}

static inline tinynn_pair tinynn_add_odd_bytes(tinynn_pair pair, uint32_t bytes) {
  tinynn_pair result;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(pair), "r"(bytes));
  return result;
}

/* sum + both products of the halves. */
static inline int32_t tinynn_multiply_pairs(tinynn_pair a, tinynn_pair b, int32_t sum) {
  int32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}

/* The lower half of each. */
static inline uint32_t tinynn_lower_halves(uint32_t a, uint32_t b) {
  return (a & UINT32_C(0xffff)) | b << 16;
}

static inline uint32_t tinynn_upper_halves(uint32_t a, uint32_t b) {
  return a >> 16 | (b & UINT32_C(0xffff0000));
}

/* Two equal halves. */
static inline tinynn_pair tinynn_twice(int32_t value) {
  return (uint32_t)(uint16_t)value * UINT32_C(0x10001);
}

/* acc + round(acc * factor / 2^32) = high(acc, multiplier) of fixed_point.h, for factor = 2 * multiplier - 2^32. */
static inline int32_t tinynn_high_by_factor(int32_t acc, int32_t factor) {
  int32_t result;
  __asm__("smmlar %0, %1, %2, %1" : "=r"(result) : "r"(acc), "r"(factor));
  return result;
}

/* Saturated to 30 bits. */
static inline int32_t tinynn_saturate_30(int32_t value) {
  int32_t result;
  __asm__("ssat %0, #30, %1" : "=r"(result) : "r"(value));
  return result;
}

/* value / 2 rounded down, saturated to [-128, 127]. */
static inline int32_t tinynn_saturate_half(int32_t value) {
  int32_t result;
  __asm__("ssat %0, #8, %1, asr #1" : "=r"(result) : "r"(value));
  return result;
}

#endif
