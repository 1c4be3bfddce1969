/* TRANSPOSE in portable C of planes whose sizes and strides are multiples of 4: the formula of ref/gather.c where axis 3 is
 * dense in the input and axis 4 in the output. Sixteen elements at a time go through four words. */
#include "tinynn.h"

enum { BLOCK = 4, EVEN_BYTES = 0x00FF00FF };

#if defined(__ARM_FEATURE_UNALIGNED)
enum { ALIGNMENT = 1 };
#else
enum { ALIGNMENT = 4 };
#endif

static inline uint32_t load(const int8_t *from) {
  uint32_t word;
  __builtin_memcpy(&word, __builtin_assume_aligned(from, ALIGNMENT), sizeof word);
  return word;
}

static inline void store(int8_t *to, uint32_t word) {
  __builtin_memcpy(__builtin_assume_aligned(to, ALIGNMENT), &word, sizeof word);
}

/* Bytes 0, 0, 2, 2 of both. */
static inline uint32_t even_bytes(uint32_t a, uint32_t b) { return (a & EVEN_BYTES) | (b & EVEN_BYTES) << 8; }

static inline uint32_t low_halves(uint32_t a, uint32_t b) { return (a & 0xFFFF) | b << 16; }

static inline uint32_t high_halves(uint32_t a, uint32_t b) { return a >> 16 | (b & 0xFFFF0000); }

static inline void transpose_block(int8_t *to, int32_t to_pitch, const int8_t *from, int32_t from_pitch) {
  const uint32_t a = load(from), b = load(from + from_pitch);
  const uint32_t c = load(from + 2 * from_pitch), d = load(from + 3 * from_pitch);
  const uint32_t even_ab = even_bytes(a, b), odd_ab = even_bytes(a >> 8, b >> 8);
  const uint32_t even_cd = even_bytes(c, d), odd_cd = even_bytes(c >> 8, d >> 8);
  store(to, low_halves(even_ab, even_cd));
  store(to + to_pitch, low_halves(odd_ab, odd_cd));
  store(to + 2 * to_pitch, high_halves(even_ab, even_cd));
  store(to + 3 * to_pitch, high_halves(odd_ab, odd_cd));
}

/* [rows][columns] of the output. */
static __attribute__((noinline)) void transpose_plane(int8_t *restrict to, const int8_t *restrict from, int32_t rows,
                                                      int32_t columns, int32_t pitch) {
  if (((uintptr_t)to | (uintptr_t)from) % ALIGNMENT != 0) {
    for (int32_t row = 0; row < rows; ++row) {
      const int8_t *element = from + row;
#pragma GCC unroll 1
      for (int32_t column = 0; column < columns; ++column) {
        *to++ = *element;
        element += pitch;
      }
    }
    return;
  }
#pragma GCC unroll 1
  for (int32_t row = 0; row < rows; row += BLOCK) {
    const int8_t *block = from + row;
#pragma GCC unroll 1
    for (int32_t column = 0; column < columns; column += BLOCK) {
      transpose_block(to + column, columns, block, pitch);
      block += BLOCK * pitch;
    }
    to += BLOCK * columns;
  }
}

void tinynn_transpose_c(const struct tinynn_gather *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  const int32_t *strides = p->strides, rows = p->shape[3], columns = p->shape[4];
  for (int32_t i = 0; i < p->shape[0]; ++i) {
    for (int32_t j = 0; j < p->shape[1]; ++j) {
      for (int32_t k = 0; k < p->shape[2]; ++k) {
        const int8_t *from = input + p->offset + i * strides[0] + j * strides[1] + k * strides[2];
        transpose_plane(output, from, rows, columns, strides[4]);
        output += rows * columns;
      }
    }
  }
}
