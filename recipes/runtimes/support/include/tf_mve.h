/* What int8 kernels with Helium share: copies, and tiles of 2 pixels by 4 channels. VMLADAVA adds sixteen products to a core
 * register with an even number, of which there are eight with LR: one for each sum of a tile, so that six vectors are loaded
 * for 128 products. Reference: Armv8-M Architecture Reference Manual (DDI 0553), C2.4. */
#ifndef TF_MVE_H
#define TF_MVE_H

#include <arm_mve.h>
#include <stdint.h>

/* Products that an instruction adds. Weights are [steps of them][4 channels][16]. */
enum { TF_STEP = 16 };

#define TF_VECTOR static inline __attribute__((always_inline, unused))

/* The loops of Armv8.1-M, with the last vector cut: three instructions for sixteen bytes. Both return the end. */
TF_VECTOR int8_t *tf_vector_copy(void *to, const void *from, int32_t count) {
  int8_t *const end = (int8_t *)to + count;
  __asm volatile(
      "wlstp.8 lr, %[count], 2f\n"
      "1:\n\tvldrb.u8 q0, [%[from]], #16\n\tvstrb.u8 q0, [%[to]], #16\n\tletp lr, 1b\n"
      "2:"
      : [to] "+r"(to), [from] "+r"(from)
      : [count] "r"(count)
      : "lr", "q0", "memory");
  return end;
}

TF_VECTOR int8_t *tf_vector_fill(void *to, int32_t value, int32_t count) {
  int8_t *const end = (int8_t *)to + count;
  const int8x16_t values = vdupq_n_s8((int8_t)value);
  __asm volatile(
      "wlstp.8 lr, %[count], 2f\n"
      "1:\n\tvstrb.u8 %q[values], [%[to]], #16\n\tletp lr, 1b\n"
      "2:"
      : [to] "+r"(to)
      : [count] "r"(count), [values] "w"(values)
      : "lr", "memory");
  return end;
}

/* Products of one pixel with four channels. */
TF_VECTOR int32x4_t tf_vector_dots(const int8_t *x, const int8_t *w, int32_t steps) {
  int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
#pragma GCC unroll 1
  for (int32_t step = 0; step < steps; ++step) {
    const int8x16_t values = vld1q_s8(x);
    sum0 = vmladavaq_s8(sum0, values, vld1q_s8(w));
    sum1 = vmladavaq_s8(sum1, values, vld1q_s8(w + TF_STEP));
    sum2 = vmladavaq_s8(sum2, values, vld1q_s8(w + 2 * TF_STEP));
    sum3 = vmladavaq_s8(sum3, values, vld1q_s8(w + 3 * TF_STEP));
    x += TF_STEP;
    w += 4 * TF_STEP;
  }
  return (int32x4_t){sum0, sum1, sum2, sum3};
}

/* The sums of a tile, s<pixel><channel>; `set` may be `= 0`. */
#define TF_TILE_SUMS(set)                                                                                       \
  register int32_t s00 __asm__("r0") set, s01 __asm__("r2") set, s02 __asm__("r4") set, s03 __asm__("r6") set;   \
  register int32_t s10 __asm__("r8") set, s11 __asm__("r10") set, s12 __asm__("r12") set, s13 __asm__("lr") set

/* A step: both pixels' values in q0 and q1, those of the channels' weights in q2 to q5. */
#define TF_TILE_LOAD                                                                                            \
  "vldrb.u8 q0, [%[x0]], #16\n\tvldrb.u8 q2, [%[w]], #64\n\tvldrb.u8 q1, [%[x1]], #16\n\t"                       \
  "vldrb.u8 q3, [%[w], #-48]\n\tvldrb.u8 q4, [%[w], #-32]\n\tvldrb.u8 q5, [%[w], #-16]\n\t"
#define TF_TILE_MULTIPLY(instruction)                                                                           \
  instruction ".s8 %[s00], q0, q2\n\t" instruction ".s8 %[s10], q1, q2\n\t"                                      \
  instruction ".s8 %[s01], q0, q3\n\t" instruction ".s8 %[s11], q1, q3\n\t"                                      \
  instruction ".s8 %[s02], q0, q4\n\t" instruction ".s8 %[s12], q1, q4\n\t"                                      \
  instruction ".s8 %[s03], q0, q5\n\t" instruction ".s8 %[s13], q1, q5\n\t"
/* The sums as operands, then what `load` moves on, and the number of steps. */
#define TF_TILE_OPERANDS(constraint, ...)                                                                       \
  : [s00] constraint(s00), [s01] constraint(s01), [s02] constraint(s02), [s03] constraint(s03),                  \
    [s10] constraint(s10), [s11] constraint(s11), [s12] constraint(s12), [s13] constraint(s13), __VA_ARGS__      \
  :                                                                                                             \
  : "q0", "q1", "q2", "q3", "q4", "q5", "cc", "memory"

/* Set the sums to `steps` of products; the operands that `load` names follow. */
#define TF_TILE(load, ...)                                                                                      \
  __asm__(load TF_TILE_MULTIPLY("vmladav") "subs %[steps], #1\n\tbeq 2f\n"                                       \
          "1:\n\t" load TF_TILE_MULTIPLY("vmladava") "subs %[steps], #1\n\tbne 1b\n"                             \
          "2:" TF_TILE_OPERANDS("=&r", __VA_ARGS__, [steps] "+&r"(steps)))
/* Add so many to them. */
#define TF_TILE_ADD(load, ...)                                                                                  \
  __asm__("1:\n\t" load TF_TILE_MULTIPLY("vmladava") "subs %[steps], #1\n\tbne 1b"                               \
          TF_TILE_OPERANDS("+r", __VA_ARGS__, [steps] "+r"(steps)))

#endif
