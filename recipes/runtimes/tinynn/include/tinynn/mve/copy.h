/* Copies of any length, sixteen bytes at a time. */
#ifndef TINYNN_MVE_COPY_H
#define TINYNN_MVE_COPY_H

#include <arm_mve.h>

/* The loops of Armv8.1-M, with the last vector cut: three instructions for sixteen bytes. */
static inline int8_t *copy_values(int8_t *restrict to, const int8_t *restrict from, int32_t count) {
  int8_t *const end = to + count;
  __asm volatile(
      "wlstp.8 lr, %[count], 2f\n"
      "1:\n\tvldrb.u8 q0, [%[from]], #16\n\tvstrb.u8 q0, [%[to]], #16\n\tletp lr, 1b\n"
      "2:"
      : [to] "+r"(to), [from] "+r"(from)
      : [count] "r"(count)
      : "lr", "q0", "memory");
  return end;
}

static inline int8_t *fill_values(int8_t *to, int32_t value, int32_t count) {
  int8_t *const end = to + count;
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

#endif
