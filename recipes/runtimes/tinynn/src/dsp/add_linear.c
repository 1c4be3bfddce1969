/* ADD and SUB, int8, as a linear function of both inputs, where that gives the bytes of ref/add.c for all pairs of
 * values: backends/tinynn/linear.py finds it and tries them all.
 *
 *   out[i] = clamp((constant + floor(left * a[i] / 2^8) + floor(right * b[i] / 2^8)) / 2^shift), a shift of 16 or 20
 *
 * Two bytes of a word are the upper bytes of its halves, which SMLAWB and SMLAWT multiply. With a shift of 16 two sums are
 * saturated at once, see add_blocks.S; for the few pairs of scales that this is too coarse for there is 20.
 */
#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"

#if defined(__ARM_FEATURE_DSP)

enum { BLOCK = 32 };

/* acc + floor(factor * lower half / 2^16), and of the upper half. */
static inline int32_t multiply_lower(int32_t factor, tinynn_pair halves, int32_t acc) {
  int32_t result;
  __asm__("smlawb %0, %1, %2, %3" : "=r"(result) : "r"(factor), "r"(halves), "r"(acc));
  return result;
}

static inline int32_t multiply_upper(int32_t factor, tinynn_pair halves, int32_t acc) {
  int32_t result;
  __asm__("smlawt %0, %1, %2, %3" : "=r"(result) : "r"(factor), "r"(halves), "r"(acc));
  return result;
}

/* Byte `place` of a word is replaced. */
#define INSERT(word, byte, place) __asm__("bfi %0, %1, %2, #8" : "+r"(word) : "r"(byte), "I"(8 * (place)))
#define SATURATED(result, acc, shift) __asm__("ssat %0, #8, %1, asr %2" : "=r"(result) : "r"(acc), "I"(shift))

static inline __attribute__((always_inline)) uint32_t of_sums(int32_t a, int32_t b, int32_t c, int32_t d,
                                                              const int32_t shift) {
  uint32_t word, second, third, fourth;
  SATURATED(word, a, shift);
  SATURATED(second, b, shift);
  SATURATED(third, c, shift);
  SATURATED(fourth, d, shift);
  INSERT(word, second, 1);
  INSERT(word, third, 2);
  INSERT(word, fourth, 3);
  return word;
}

/* What is the same for all elements; read by add_blocks.S. */
struct line {
  int32_t left, right, constant;
};

void tinynn_add_blocks_dsp(const struct line *line, const int8_t *left, const int8_t *right, int8_t *output,
                           const int8_t *end);

static inline __attribute__((always_inline)) void four(const struct line *line, const int8_t *left,
                                                       const int8_t *right, int8_t *output, const int32_t shift) {
  const uint32_t upper = UINT32_C(0xff00ff00), a = tinynn_load_word(left), b = tinynn_load_word(right);
  const tinynn_pair even = a << 8 & upper, odd = a & upper, others = b << 8 & upper, odd_others = b & upper;
  const int32_t f = line->left, g = line->right, c = line->constant;
  const uint32_t word = of_sums(multiply_lower(g, others, multiply_lower(f, even, c)),
                                multiply_lower(g, odd_others, multiply_lower(f, odd, c)),
                                multiply_upper(g, others, multiply_upper(f, even, c)),
                                multiply_upper(g, odd_others, multiply_upper(f, odd, c)), shift);
  tinynn_store_word(output, word);
}

static inline __attribute__((always_inline)) void combine(const struct line *line, int32_t count, const int8_t *left,
                                                          const int8_t *right, int8_t *output, const int32_t shift) {
#pragma GCC unroll 1
  for (; count >= 4; count -= 4) {
    four(line, left, right, output, shift);
    left += 4;
    right += 4;
    output += 4;
  }
  for (int32_t i = 0; i < count; ++i) {
    const uint32_t a = (uint32_t)(uint8_t)left[i] << 8, b = (uint32_t)(uint8_t)right[i] << 8;
    const int32_t sum = multiply_lower(line->right, b, multiply_lower(line->left, a, line->constant));
    int32_t value;
    SATURATED(value, sum, shift);
    output[i] = (int8_t)value;
  }
}

static inline void clamp(const struct tinynn_add_linear *restrict p, int8_t *output) {
  if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
    tinynn_clamp_dsp(output, p->elements, p->lowest, p->highest);
  }
}

void tinynn_add_linear_dsp(const struct tinynn_add_linear *restrict p, const int8_t *left, const int8_t *right,
                           int8_t *output) {
  const struct line line = {p->left, p->right, p->constant};
  int32_t done = 0;
  if ((((uintptr_t)left | (uintptr_t)right | (uintptr_t)output) & 3) == 0 && p->elements >= BLOCK) {
    done = p->elements & -BLOCK;
    tinynn_add_blocks_dsp(&line, left, right, output, left + done);
  }
  combine(&line, p->elements - done, left + done, right + done, output + done, 16);
  clamp(p, output);
}

void tinynn_add_fine_dsp(const struct tinynn_add_linear *restrict p, const int8_t *left, const int8_t *right,
                         int8_t *output) {
  const struct line line = {p->left, p->right, p->constant};
  combine(&line, p->elements, left, right, output, 20);
  clamp(p, output);
}

#endif
