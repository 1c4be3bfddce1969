/* Four int8 numbers in a word. */
#ifndef TINYNN_DSP_BYTES_H
#define TINYNN_DSP_BYTES_H

#include <stdint.h>

/* The larger one of each of four numbers. */
static inline uint32_t tinynn_larger_bytes(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
}

static inline uint32_t tinynn_smaller_bytes(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
}

/* The same of two halves. */
static inline uint32_t tinynn_larger_halves(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub16 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
}

static inline uint32_t tinynn_smaller_halves(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub16 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
}

static inline uint32_t tinynn_four_times(int32_t value) { return (uint32_t)(uint8_t)value * UINT32_C(0x01010101); }

#endif
