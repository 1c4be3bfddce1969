/* Inner loops of int8 kernels for cores with the DSP extension of Armv7E-M: Cortex-M4, M7, M33, M55.
 *
 * SMLAD multiplies two pairs of 16-bit numbers and adds both products to an accumulator: two multiply-accumulates an
 * instruction. So int8 is widened once into "pairs" of int16, in memory, and then only read: weights once for many
 * pixels, pixels once for many channels. Four values lie in two pairs in the order of SXTB16, [0, 2] and [1, 3]; both
 * operands of a product have it, so it makes no difference.
 *
 * The assembly is here because no compiler plans its registers for LDM, which loads several at once.
 * Reference: Armv7-M Architecture Reference Manual (DDI 0403), A7.7. */
#ifndef TF_DSP_H
#define TF_DSP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tf_hidden.h"

#define TF_INLINE static inline __attribute__((always_inline, unused))
#define TF_SCRATCH_REGISTERS "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"

/* --- single instructions --- */

/* Four bytes from any address; LDR takes them all in Armv7-M. */
typedef struct __attribute__((packed, may_alias)) {
  int32_t value;
} tf_unaligned;

TF_INLINE int32_t tf_load4(const int8_t *bytes) { return ((const tf_unaligned *)(const void *)bytes)->value; }

TF_INLINE void tf_store4(void *bytes, int32_t word) { ((tf_unaligned *)bytes)->value = word; }

/* Bytes 0 and 2 of a word, as a pair. */
TF_INLINE int32_t tf_even(int32_t word) {
  int32_t pair;
  __asm("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
  return pair;
}

/* Bytes 1 and 3. */
TF_INLINE int32_t tf_odd(int32_t word) {
  int32_t pair;
  __asm("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
  return pair;
}

/* The pair of two numbers, or of the lower halves of two pairs. */
TF_INLINE int32_t tf_pair(int32_t low, int32_t high) {
  int32_t pair;
  __asm("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(low), "r"(high));
  return pair;
}

/* The pair of the upper halves of two pairs. */
TF_INLINE int32_t tf_upper_pair(int32_t low, int32_t high) {
  int32_t pair;
  __asm("pkhtb %0, %1, %2, asr #16" : "=r"(pair) : "r"(high), "r"(low));
  return pair;
}

/* x shifted down by a constant, saturated to int8: one instruction, which GCC doesn't find by itself. */
#define tf_saturate(x, down)                                                    \
  __extension__({                                                               \
    int32_t result_;                                                            \
    __asm("ssat %0, #8, %1, asr %2" : "=r"(result_) : "r"(x), "n"(down));       \
    result_;                                                                    \
  })

/* --- pairs in memory --- */

/* pairs[2 * i] and pairs[2 * i + 1] are the four bytes of words[i]. */
TF_INLINE void tf_widen(int32_t *pairs, const void *words, int32_t count) {
  const int32_t *word = words;
  int32_t blocks = count / 4;
  if (blocks > 0) {
    __asm volatile("1:\n\t"
                   "ldmia %[word]!, {r8, r10, r12, lr}\n\t"
                   "sxtb16 r9, r8, ror #8\n\tsxtb16 r8, r8\n\t"
                   "sxtb16 r11, r10, ror #8\n\tsxtb16 r10, r10\n\t"
                   "stmia %[pairs]!, {r8, r9, r10, r11}\n\t"
                   "sxtb16 r8, r12\n\tsxtb16 r9, r12, ror #8\n\t"
                   "sxtb16 r10, lr\n\tsxtb16 r11, lr, ror #8\n\t"
                   "stmia %[pairs]!, {r8, r9, r10, r11}\n\t"
                   "subs %[n], #1\n\tbne 1b"
                   : [word] "+r"(word), [pairs] "+r"(pairs), [n] "+r"(blocks)
                   :
                   : TF_SCRATCH_REGISTERS);
  }
  for (int32_t i = 0; i < count % 4; ++i) {
    const int32_t value = word[i];
    pairs[2 * i] = tf_even(value);
    pairs[2 * i + 1] = tf_odd(value);
  }
}

/* `count` pairs of one number twice. */
TF_INLINE void tf_fill(int32_t *pairs, int32_t number, int32_t count) {
  const int32_t pair = tf_pair(number, number);
  for (int32_t i = 0; i < count; ++i) {
    pairs[i] = pair;
  }
}

/* A row of bytes between two runs of padding. */
TF_INLINE void tf_pad_row(int32_t *row, int8_t number, int32_t left, const int8_t *bytes, int32_t count, int32_t right) {
  int8_t *to = (int8_t *)row;
  memset(to, number, (size_t)left);
  memcpy(to + left, bytes, (size_t)count);
  memset(to + left + count, number, (size_t)right);
}

/* What one pixel's filter covers: `length` bytes of each of `count` rows that lie `row_bytes` apart, from byte `at` on.
 * First the whole words of all rows, then what is left of them, four bytes by four; what is missing at the end is 0. */
TF_INLINE void tf_patch(int32_t *pairs, const int32_t *rows, int32_t at, int32_t row_bytes, int32_t count, int32_t length) {
  const int8_t *first = (const int8_t *)rows + at;
  for (int32_t r = 0; r < count; ++r) {
    for (int32_t i = 0; i < length / 4; ++i, pairs += 2) {
      const int32_t word = tf_load4(first + r * row_bytes + 4 * i);
      pairs[0] = tf_even(word);
      pairs[1] = tf_odd(word);
    }
  }
  const int32_t rest = length % 4;
  for (int32_t i = 0; i < count * rest; i += 4, pairs += 2) {
    int32_t byte[4];
    for (int32_t j = 0; j < 4; ++j) {
      const int32_t row = (i + j) / (rest + !rest), column = length - rest + (i + j) % (rest + !rest);
      byte[j] = i + j < count * rest ? first[row * row_bytes + column] : 0;
    }
    pairs[0] = tf_pair(byte[0], byte[2]);
    pairs[1] = tf_pair(byte[1], byte[3]);
  }
}

/* --- dot products of four channels --- */

/* Whole functions in assembly: the compiler has no say, so that what it does with registers can't make a difference.
 * r0 to r3 are accumulators, r4 to r7 eight values of a pixel, r8 to r11 those of a channel, r12 and lr the addresses of
 * the next ones. What else is needed is in the stack frame. */
#define TF_ROUTINE static __attribute__((naked, noinline, unused))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define TF_DOT_CHANNEL(a)                                             \
  "ldmia.w lr!, {r8, r9, r10, r11}\n\t"                               \
  "smlad " a ", r4, r8, " a "\n\tsmlad " a ", r5, r9, " a "\n\t"      \
  "smlad " a ", r6, r10, " a "\n\tsmlad " a ", r7, r11, " a "\n\t"
/* The same with weights that are still bytes, two words of four. */
#define TF_DOT_BYTES(a)                                                                                   \
  "ldmia.w lr!, {r8, r10}\n\tsxtb16 r9, r8, ror #8\n\tsxtb16 r8, r8\n\t"                                 \
  "sxtb16 r11, r10, ror #8\n\tsxtb16 r10, r10\n\t"                                                       \
  "smlad " a ", r4, r8, " a "\n\tsmlad " a ", r5, r9, " a "\n\t"                                         \
  "smlad " a ", r6, r10, " a "\n\tsmlad " a ", r7, r11, " a "\n\t"
#define TF_DOT_BLOCK(channel)                                                                             \
  "ldmia.w r12!, {r4, r5, r6, r7}\n\t" channel("r0") channel("r1") channel("r2") channel("r3")

/* Requantisation of r0 to r3, from the constants at r4, to four bytes at r6. Short form: {offset, multiplier} of each
 * channel, the zero point in r5; see requantise.py. */
#define TF_SHORT(up)                                                                       \
  "ldmia.w r4!, {r8, r9, r10, r11}\n\t"                                                    \
  "add r8, r8, r0, lsl #" #up "\n\tadd r10, r10, r1, lsl #" #up "\n\t"                     \
  "smmla r0, r8, r9, r5\n\tsmmla r1, r10, r11, r5\n\t"                                     \
  "ldmia.w r4, {r8, r9, r10, r11}\n\t"                                                     \
  "add r8, r8, r2, lsl #" #up "\n\tadd r10, r10, r3, lsl #" #up "\n\t"                     \
  "smmla r2, r8, r9, r5\n\tsmmla r3, r10, r11, r5\n\t"                                     \
  "ssat r0, #8, r0, asr #12\n\tssat r1, #8, r1, asr #12\n\t"                               \
  "ssat r2, #8, r2, asr #12\n\tssat r3, #8, r3, asr #12\n\t"                               \
  "strb r0, [r6]\n\tstrb r1, [r6, #1]\n\tstrb r2, [r6, #2]\n\tstrb r3, [r6, #3]\n\t"

/* Long form: {bias, multiplier, half, shift} of each channel. SaturatingRoundingDoublingHighMul is one SMMLAR with
 * multiplier = 2 * m - 2**32: (a * (2 * m - 2**32) + a * 2**32 + 2**31) >> 32 = (a * m + 2**30) >> 31. Then halves go away
 * from zero; the zero point is part of half. */
#define TF_LONG_CHANNEL(a, at)                                                                       \
  "ldmia.w r4!, {r8, r9, r10, r11}\n\tadd " a ", " a ", r8\n\tsmmlar " a ", " a ", r9, " a "\n\t"    \
  "add r10, r10, " a ", asr #31\n\tadd " a ", " a ", r10\n\tasr " a ", " a ", r11\n\t"               \
  "ssat " a ", #8, " a "\n\tstrb " a ", [r6, #" #at "]\n\t"
#define TF_LONG TF_LONG_CHANNEL("r0", 0) TF_LONG_CHANNEL("r1", 1) TF_LONG_CHANNEL("r2", 2) TF_LONG_CHANNEL("r3", 3)

/* Where the loop, four blocks long, begins for the number of blocks in r7: so many blocks before its end as are left over.
 * It is kept at 16, with w from r2 behind it. code_bytes are those of a block, whose instructions are four bytes each. */
#define TF_DOT_ENTRY(code_bytes)                                                                                                  \
  "rsb r7, r7, #0\n\tand r7, r7, #3\n\tmovs r0, #" code_bytes "\n\tadr r1, 2f\n\tmla r1, r0, r7, r1\n\t"      \
  "orr r1, r1, #1\n\tstrd r1, r2, [sp, #16]\n"

/* Four channels of a run of pixels: out[p][c] = requantise(sum over segments, k of x[p, segment][k] * w[segment][k][c]).
 *
 * out, x, w, scale   the first output; pairs of the first pixel's first segment; pairs of the weights; constants
 * zero, out_bytes, channels   the zero point; pixels * channels; from one pixel's output to the next
 * blocks   groups of eight products in a segment, at least one
 *
 * _flat: one segment, and pixels lie one behind the other. The frame: 0 four zeros, 16 entry into the unrolled loop, 20 w,
 * 24 end of w, 28 end of out, 32 out, 36 channels, 40 scale, 44 zero. */
#define TF_CONV4_FLAT(name, requantise, channel, code_bytes, weight_power)                                                                               \
  TF_ROUTINE void name(void *out, int32_t *x, const int32_t *w, const int32_t *scale, int32_t zero, int32_t out_bytes,            \
                       int32_t channels, int32_t blocks) {                                                            \
    __asm volatile(                                                                                                   \
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\tsub sp, #48\n\t"                                              \
        "mov r12, r1\n\tmovs r8, #0\n\tstrd r8, r8, [sp]\n\tstrd r8, r8, [sp, #8]\n\t"                                \
        "ldrd r4, r5, [sp, #84]\n\tldrd r6, r7, [sp, #92]\n\t"                                                        \
        "strd r0, r6, [sp, #32]\n\tstrd r3, r4, [sp, #40]\n\t"                                                        \
        "add r5, r0\n\tadd r4, r2, r7, lsl #" weight_power "\n\tstrd r4, r5, [sp, #24]\n\t" TF_DOT_ENTRY(code_bytes)                             \
        "1:\n\tldmia.w sp, {r0, r1, r2, r3}\n\tldr lr, [sp, #20]\n\tldr.w pc, [sp, #16]\n\t.balign 4\n"               \
        "2:\n\t" TF_DOT_BLOCK(channel) TF_DOT_BLOCK(channel) TF_DOT_BLOCK(channel) TF_DOT_BLOCK(channel)                                                  \
        "ldr r4, [sp, #24]\n\tcmp lr, r4\n\tbne 2b\n\t"                                                               \
        "ldrd r4, r5, [sp, #40]\n\tldrd r6, r7, [sp, #32]\n\t" requantise                                             \
        "add r6, r7\n\tldr r5, [sp, #28]\n\tstr r6, [sp, #32]\n\tcmp r6, r5\n\tbne 1b\n\t"                            \
        "add sp, #48\n\tpop {r4, r5, r6, r7, r8, r9, r10, r11, pc}");                                                 \
  }
/* segments; segment_bytes, pixel_bytes: from a segment's end to the next one, from a pixel's end to the next one, of x.
 * The frame goes on: 48 end of the segment's w, 52 bytes of a segment's w, 56 segment_bytes, 60 pixel_bytes. */
#define TF_CONV4(name, requantise, channel, code_bytes, weight_power)                                                                                    \
  TF_ROUTINE void name(void *out, int32_t *x, const int32_t *w, const int32_t *scale, int32_t zero, int32_t out_bytes,            \
                       int32_t channels, int32_t blocks, int32_t segments, int32_t segment_bytes,                     \
                       int32_t pixel_bytes) {                                                                         \
    __asm volatile(                                                                                                   \
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\tsub sp, #64\n\t"                                              \
        "mov r12, r1\n\tmovs r8, #0\n\tstrd r8, r8, [sp]\n\tstrd r8, r8, [sp, #8]\n\t"                                \
        "ldrd r4, r5, [sp, #100]\n\tldrd r6, r7, [sp, #108]\n\tldrd r9, r10, [sp, #116]\n\tldr r11, [sp, #124]\n\t"   \
        "strd r0, r6, [sp, #32]\n\tstrd r3, r4, [sp, #40]\n\tstrd r10, r11, [sp, #56]\n\t"                            \
        "add r5, r0\n\tlsls r8, r7, #" weight_power "\n\tmla r4, r8, r9, r2\n\tstrd r4, r5, [sp, #24]\n\tstr r8, [sp, #52]\n\t"      \
        TF_DOT_ENTRY(code_bytes)                                                                                      \
        "1:\n\tldmia.w sp, {r0, r1, r2, r3}\n\tldr lr, [sp, #20]\n\tldr r4, [sp, #52]\n\tadd r4, lr\n\t"              \
        "str r4, [sp, #48]\n\tldr.w pc, [sp, #16]\n\t.balign 4\n"                                                     \
        "2:\n\t" TF_DOT_BLOCK(channel) TF_DOT_BLOCK(channel) TF_DOT_BLOCK(channel) TF_DOT_BLOCK(channel)                                                  \
        "ldr r4, [sp, #48]\n\tcmp lr, r4\n\tbne 2b\n\t"                                                               \
        "ldr r5, [sp, #24]\n\tcmp lr, r5\n\tbeq 3f\n\t"                                                               \
        "ldrd r5, r6, [sp, #52]\n\tadd r12, r6\n\tadd r4, r5\n\tstr r4, [sp, #48]\n\tldr.w pc, [sp, #16]\n"           \
        "3:\n\tldrd r4, r5, [sp, #40]\n\tldrd r6, r7, [sp, #32]\n\t" requantise                                       \
        "add r6, r7\n\tstr r6, [sp, #32]\n\tldr r4, [sp, #60]\n\tldr r5, [sp, #28]\n\tadd r12, r4\n\t"                \
        "cmp r6, r5\n\tbne 1b\n\t"                                                                                    \
        "add sp, #64\n\tpop {r4, r5, r6, r7, r8, r9, r10, r11, pc}");                                                 \
  }

/* One routine for each form of requantisation; the rest is handed on. */
#define TF_VARIANTS(define, name, ...)            \
  define(name##_up9, TF_SHORT(9), __VA_ARGS__)    \
  define(name##_up10, TF_SHORT(10), __VA_ARGS__)  \
  define(name##_up11, TF_SHORT(11), __VA_ARGS__)  \
  define(name##_up13, TF_SHORT(13), __VA_ARGS__)  \
  define(name##_long, TF_LONG, __VA_ARGS__)
/* How the weights of a channel are loaded; instruction bytes of a block; bytes of a block's weights, a power of two. */
TF_VARIANTS(TF_CONV4_FLAT, tf_conv4_flat, TF_DOT_CHANNEL, "84", "6")
TF_VARIANTS(TF_CONV4, tf_conv4, TF_DOT_CHANNEL, "84", "6")
TF_VARIANTS(TF_CONV4_FLAT, tf_conv4_narrow_flat, TF_DOT_BYTES, "148", "5")
TF_VARIANTS(TF_CONV4, tf_conv4_narrow, TF_DOT_BYTES, "148", "5")

/* The same for two pixels at once, of an even number: fewer words are loaded for each product, one by one, for LDM takes a
 * cycle for each. Spread, loads go beside products where two instructions are issued at once (Cortex-M7); grouped, each
 * but the first of a group takes one cycle instead of two (M4). r0 to r3 are the first pixel's accumulators, r4 to r7 the second's; r8 and r9 a pair of values of each, r10
 * and r11 those of channels. `distance`: bytes from one pixel to the next; pixel_bytes: to the one behind both. The frame
 * begins with 16 bytes for the second pixel's sums. */
#define TF_WORD_SPREAD(distance, next)                                                                                \
  "ldr.w r9, [r12, #" distance "]\n\tldr.w r8, [r12], #4\n\t"                                                         \
  "ldr.w r10, [lr, #48]\n\tldr.w r11, [lr, #32]\n\t"                                                                  \
  "smlad r3, r8, r10, r3\n\tsmlad r7, r9, r10, r7\n\tldr.w r10, [lr, #16]\n\t"                                        \
  "smlad r2, r8, r11, r2\n\tsmlad r6, r9, r11, r6\n\tldr.w r11, [lr], #" next "\n\t"                                  \
  "smlad r1, r8, r10, r1\n\tsmlad r5, r9, r10, r5\n\tsmlad r0, r8, r11, r0\n\tsmlad r4, r9, r11, r4\n\t"
#define TF_WORD_GROUPED(distance, next)                                                                               \
  "ldr.w r9, [r12, #" distance "]\n\tldr.w r8, [r12], #4\n\t"                                                         \
  "ldr.w r10, [lr, #48]\n\tldr.w r11, [lr, #32]\n\t"                                                                  \
  "smlad r3, r8, r10, r3\n\tsmlad r7, r9, r10, r7\n\tsmlad r2, r8, r11, r2\n\tsmlad r6, r9, r11, r6\n\t"              \
  "ldr.w r10, [lr, #16]\n\tldr.w r11, [lr], #" next "\n\t"                                                            \
  "smlad r1, r8, r10, r1\n\tsmlad r5, r9, r10, r5\n\tsmlad r0, r8, r11, r0\n\tsmlad r4, r9, r11, r4\n\t"
#define TF_DOT_PAIR(word, distance) word(distance, "4") word(distance, "4") word(distance, "4") word(distance, "52")
#define TF_CONV8(name, requantise, word, distance)                                                                    \
  TF_ROUTINE void name(void *out, int32_t *x, const int32_t *w, const int32_t *scale, int32_t zero, int32_t out_bytes,            \
                       int32_t channels, int32_t blocks, int32_t segments, int32_t segment_bytes,                     \
                       int32_t pixel_bytes) {                                                                         \
    __asm volatile(                                                                                                   \
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\tsub sp, #64\n\tmov r12, r1\n\t"                               \
        "ldrd r4, r5, [sp, #100]\n\tldrd r6, r7, [sp, #108]\n\tldrd r9, r10, [sp, #116]\n\tldr r11, [sp, #124]\n\t"   \
        "strd r0, r6, [sp, #32]\n\tstrd r3, r4, [sp, #40]\n\tstrd r10, r11, [sp, #56]\n\t"                            \
        "add r5, r0\n\tlsls r8, r7, #6\n\tmla r4, r8, r9, r2\n\tstrd r4, r5, [sp, #24]\n\tstr r8, [sp, #52]\n\t"      \
        TF_DOT_ENTRY("224")                                                                                           \
        "1:\n\tmovs r0, #0\n\tmovs r1, #0\n\tmovs r2, #0\n\tmovs r3, #0\n\t"                                          \
        "movs r4, #0\n\tmovs r5, #0\n\tmovs r6, #0\n\tmovs r7, #0\n\t"                                                \
        "ldr lr, [sp, #20]\n\tldr r8, [sp, #52]\n\tadd r8, lr\n\tstr r8, [sp, #48]\n\tldr.w pc, [sp, #16]\n\t"        \
        ".balign 4\n"                                                                                                 \
        "2:\n\t" TF_DOT_PAIR(word, distance) TF_DOT_PAIR(word, distance)                                              \
        TF_DOT_PAIR(word, distance) TF_DOT_PAIR(word, distance)                                                       \
        "ldr r8, [sp, #48]\n\tcmp lr, r8\n\tbne 2b\n\t"                                                               \
        "ldr r9, [sp, #24]\n\tcmp lr, r9\n\tbeq 3f\n\t"                                                               \
        "ldrd r9, r10, [sp, #52]\n\tadd r12, r10\n\tadd r8, r9\n\tstr r8, [sp, #48]\n\tldr.w pc, [sp, #16]\n"         \
        "3:\n\tstrd r4, r5, [sp]\n\tstrd r6, r7, [sp, #8]\n\t"                                                        \
        "ldrd r4, r5, [sp, #40]\n\tldrd r6, r7, [sp, #32]\n\t" requantise                                             \
        "add r6, r7\n\tldmia.w sp, {r0, r1, r2, r3}\n\tldr r4, [sp, #40]\n\t" requantise                              \
        "add r6, r7\n\tstr r6, [sp, #32]\n\tldr r4, [sp, #60]\n\tldr r5, [sp, #28]\n\tadd r12, r4\n\t"                \
        "cmp r6, r5\n\tbne 1b\n\t"                                                                                    \
        "add sp, #64\n\tpop {r4, r5, r6, r7, r8, r9, r10, r11, pc}");                                                 \
  }
#define TF_CONV8_ORDERS(distance)                                                                                     \
  TF_VARIANTS(TF_CONV8, tf_conv8_spread_##distance, TF_WORD_SPREAD, #distance)                                        \
  TF_VARIANTS(TF_CONV8, tf_conv8_grouped_##distance, TF_WORD_GROUPED, #distance)
TF_CONV8_ORDERS(16)
TF_CONV8_ORDERS(32)
TF_CONV8_ORDERS(48)
TF_CONV8_ORDERS(64)
TF_CONV8_ORDERS(80)
TF_CONV8_ORDERS(96)
TF_CONV8_ORDERS(128)
TF_CONV8_ORDERS(192)
TF_CONV8_ORDERS(256)
TF_CONV8_ORDERS(384)
TF_CONV8_ORDERS(512)

/* One pixel with weights that are used once and so not worth widening in memory: x are pairs, w[k / 4][c] words of four.
 * steps: groups of four products, at least one. */
#define TF_NARROW_CHANNEL(a, w)                                                       \
  "sxtb16 r6, " w "\n\tsxtb16 " w ", " w ", ror #8\n\t"                               \
  "smlad " a ", r4, r6, " a "\n\tsmlad " a ", r5, " w ", " a "\n\t"
#define TF_DENSE4(name, requantise, channel)                                                                                   \
  TF_ROUTINE void name(void *out, int32_t *x, const int32_t *w, const int32_t *scale, int32_t zero, int32_t out_bytes,          \
                       int32_t channels, int32_t steps) {                                                             \
    __asm volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\tpush {r0, r3}\n\t"                                 \
                   "mov r12, r1\n\tmov lr, r2\n\tldr r7, [sp, #56]\n\t"                                               \
                   "movs r0, #0\n\tmovs r1, #0\n\tmovs r2, #0\n\tmovs r3, #0\n"                                       \
                   "1:\n\tldrd r4, r5, [r12], #8\n\tldmia.w lr!, {r8, r9, r10, r11}\n\t"                              \
                   channel("r0", "r8") channel("r1", "r9") channel("r2", "r10") channel("r3", "r11")                  \
                   "subs r7, #1\n\tbne 1b\n\tpop {r6}\n\tpop {r4}\n\tldr r5, [sp, #36]\n\t" requantise                \
                   "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}");                                                     \
  }
TF_VARIANTS(TF_DENSE4, tf_dense4, TF_NARROW_CHANNEL)

/* --- depthwise 3x3: each channel is a plane of int16, two neighbours in a row are a pair --- */

/* A row of pixels, four channels of them, to four planes: to index `left` and on of a row of each. */
TF_INLINE void tf_split(int32_t *row, int32_t left, const int8_t *pixel, int32_t pixels, int32_t channels,
                        int32_t plane_words) {
  int16_t *plane = (int16_t *)(void *)row + left;
  const int32_t next = 2 * plane_words;
  for (int32_t i = 0; i < pixels / 2; ++i, pixel += 2 * channels, plane += 2) {
    const int32_t a = tf_load4(pixel), b = tf_load4(pixel + channels);
    const int32_t a_even = tf_even(a), a_odd = tf_odd(a), b_even = tf_even(b), b_odd = tf_odd(b);
    tf_store4(plane, tf_pair(a_even, b_even));
    tf_store4(plane + next, tf_pair(a_odd, b_odd));
    tf_store4(plane + 2 * next, tf_upper_pair(a_even, b_even));
    tf_store4(plane + 3 * next, tf_upper_pair(a_odd, b_odd));
  }
  if (pixels % 2 != 0) {
    for (int32_t c = 0; c < 4; ++c) {
      plane[c * next] = pixel[c];
    }
  }
}

/* r0 to r5 are the filter, {[0, 1], [1, 2]} for each row; r6 and r7 two outputs of a row, r8 and r9 four values of the
 * plane, at r12. With stride 1 the outputs are x0 w0 + x1 w1 + x2 w2 and x1 w0 + x2 w1 + x3 w2. */
#define TF_FILTER_ROW(first, second, at, a, b)                                                       \
  "ldrd r8, r9, [r12, #" at "]\n\t" first("r6", "r8", a) second("r7", "r8", a)                       \
  "smlabt r6, r9, " b ", r6\n\tsmlad r7, r9, " b ", r7\n\t"
#define TF_FILTER_ONE(first, at, acc, a, b)                                                          \
  "ldrd r8, r9, [r12, #" at "]\n\t" first(acc, "r8", a) "smlabt " acc ", r9, " b ", " acc "\n\t"
#define TF_SMUAD(acc, x, w) "smuad " acc ", " x ", " w "\n\t"
#define TF_SMLAD(acc, x, w) "smlad " acc ", " x ", " w ", " acc "\n\t"
#define TF_SMULTB(acc, x, w) "smultb " acc ", " x ", " w "\n\t"
#define TF_SMLATB(acc, x, w) "smlatb " acc ", " x ", " w ", " acc "\n\t"
#define TF_FILTER_SINGLE(acc, one, two, three)                                                       \
  TF_FILTER_ONE(TF_SMUAD, one, acc, "r0", "r1") TF_FILTER_ONE(TF_SMLAD, two, acc, "r2", "r3")        \
  TF_FILTER_ONE(TF_SMLAD, three, acc, "r4", "r5")
/* Two outputs from rows that lie `row` bytes apart; r12 moves to the next two. */
#define TF_FILTER_STRIDE1(row)                                                                       \
  TF_FILTER_ROW(TF_SMUAD, TF_SMULTB, "0", "r0", "r1")                                                \
  TF_FILTER_ROW(TF_SMLAD, TF_SMLATB, #row, "r2", "r3")                                               \
  TF_FILTER_ROW(TF_SMLAD, TF_SMLATB, "2*" #row, "r4", "r5") "adds r12, #4\n\t"
#define TF_FILTER_STRIDE2(row)                                                                       \
  TF_FILTER_SINGLE("r6", "0", #row, "2*" #row)                                                       \
  TF_FILTER_SINGLE("r7", "4", #row "+4", "2*" #row "+4") "add r12, #8\n\t"

/* Requantisation of r6 and r7, or of r6 alone, to lr and on; the frame has at 0 the zero point or the bias, at 4 channels,
 * at 8 half. r10 and r11 are offset and multiplier, or multiplier and shift. */
#define TF_SHORT_ONE(up, acc) "add " acc ", r10, " acc ", lsl #" #up "\n\tsmmla " acc ", " acc ", r11, r8\n\t"
#define TF_SHORT_LOAD "ldrd r8, r9, [sp]\n\t"
#define TF_SHORT_END(acc) "ssat " acc ", #8, " acc ", asr #12\n\t"
#define TF_FILTER_SHORT(up)                                                                          \
  TF_SHORT_LOAD TF_SHORT_ONE(up, "r6") TF_SHORT_ONE(up, "r7") TF_SHORT_END("r6") TF_SHORT_END("r7")
#define TF_FILTER_SHORT_ONE(up) TF_SHORT_LOAD TF_SHORT_ONE(up, "r6") TF_SHORT_END("r6")
#define TF_LONG_ONE(acc)                                                                             \
  "ldrd r8, r9, [sp, #4]\n\tldr r8, [sp]\n\tadd " acc ", r8\n\tsmmlar " acc ", " acc ", r10, " acc "\n\t" \
  "add r9, r9, " acc ", asr #31\n\tadd " acc ", r9\n\tasr " acc ", " acc ", r11\n\tssat " acc ", #8, " acc "\n\t"
#define TF_FILTER_LONG TF_LONG_ONE("r6") TF_LONG_ONE("r7") "ldr r9, [sp, #4]\n\t"
#define TF_FILTER_LONG_ONE TF_LONG_ONE("r6") "ldr r9, [sp, #4]\n\t"
#define TF_FILTER_SHORT_CONSTANTS "ldrd r10, r11, [r3]\n\t"
#define TF_FILTER_LONG_CONSTANTS "ldmia r3, {r8, r9, r10, r11}\n\tstr r8, [sp]\n\tstr r10, [sp, #8]\n\tmov r10, r9\n\t"

/* One channel of some output rows. out, plane, w, scale: the first output, the first row of the plane, the bytes 0, 1, 1, 2
 * of each row of the filter (which SXTB16 makes [0, 1] and [1, 2]), constants. pair_bytes: of the plane for all pairs of outputs in a row; is_odd: whether there is
 * one more output; row_bytes: from where a row's pairs end to the next output row's beginning.
 * The frame: 0 to 8 above, 12 end of the row's pairs, 16 pair_bytes, 20 is_odd, 24 rows left, 28 row_bytes. */
#define TF_FILTER(name, pair, single, constants, requantise, requantise_one)                                         \
  TF_ROUTINE void name(void *out, int32_t *plane, const int32_t *w, const int32_t *scale, int32_t zero, int32_t channels,         \
                       int32_t pair_bytes, int32_t is_odd, int32_t rows, int32_t row_bytes) {                         \
    __asm volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\tsub sp, #36\n\tmov lr, r0\n\tmov r12, r1\n\t"      \
                   "ldrd r4, r5, [sp, #72]\n\tldrd r6, r7, [sp, #80]\n\tldrd r8, r9, [sp, #88]\n\t"                   \
                   "strd r4, r5, [sp]\n\tstrd r6, r7, [sp, #16]\n\tstrd r8, r9, [sp, #24]\n\t" constants              \
                   "ldmia r2, {r6, r8, r9}\n\tsxtb16 r0, r6\n\tsxtb16 r1, r6, ror #8\n\t"                            \
                   "sxtb16 r2, r8\n\tsxtb16 r3, r8, ror #8\n\tsxtb16 r4, r9\n\tsxtb16 r5, r9, ror #8\n"             \
                   "1:\n\tldr r8, [sp, #16]\n\tadd r8, r12\n\tstr r8, [sp, #12]\n\tcmp r8, r12\n\tbeq 3f\n"           \
                   "2:\n\t" pair requantise                                                                           \
                   "strb r6, [lr]\n\tstrb r7, [lr, r9]\n\tadd lr, lr, r9, lsl #1\n\t"                                 \
                   "ldr r8, [sp, #12]\n\tcmp r12, r8\n\tbne 2b\n"                                                     \
                   "3:\n\tldr r8, [sp, #20]\n\tcmp r8, #0\n\tbeq 4f\n\t" single requantise_one                        \
                   "strb r6, [lr]\n\tadd lr, r9\n"                                                                    \
                   "4:\n\tldrd r8, r9, [sp, #24]\n\tadd r12, r9\n\tsubs r8, #1\n\tstr r8, [sp, #24]\n\tbne 1b\n\t"    \
                   "add sp, #36\n\tpop {r4, r5, r6, r7, r8, r9, r10, r11, pc}");                                      \
  }
#define TF_FILTER_FORMS(name, pair, single)                                                                           \
  TF_FILTER(name##_up9, pair, single, TF_FILTER_SHORT_CONSTANTS, TF_FILTER_SHORT(9), TF_FILTER_SHORT_ONE(9))          \
  TF_FILTER(name##_up10, pair, single, TF_FILTER_SHORT_CONSTANTS, TF_FILTER_SHORT(10), TF_FILTER_SHORT_ONE(10))       \
  TF_FILTER(name##_up11, pair, single, TF_FILTER_SHORT_CONSTANTS, TF_FILTER_SHORT(11), TF_FILTER_SHORT_ONE(11))       \
  TF_FILTER(name##_up13, pair, single, TF_FILTER_SHORT_CONSTANTS, TF_FILTER_SHORT(13), TF_FILTER_SHORT_ONE(13))       \
  TF_FILTER(name##_long, pair, single, TF_FILTER_LONG_CONSTANTS, TF_FILTER_LONG, TF_FILTER_LONG_ONE)
#define TF_FILTER_WIDTHS(row)                                                                                         \
  TF_FILTER_FORMS(tf_filter_stride1_##row, TF_FILTER_STRIDE1(row), TF_FILTER_SINGLE("r6", "0", #row, "2*" #row))      \
  TF_FILTER_FORMS(tf_filter_stride2_##row, TF_FILTER_STRIDE2(row), TF_FILTER_SINGLE("r6", "0", #row, "2*" #row))
TF_FILTER_WIDTHS(32)
TF_FILTER_WIDTHS(64)
TF_FILTER_WIDTHS(128)
TF_FILTER_WIDTHS(256)
#pragma GCC diagnostic pop

#endif
