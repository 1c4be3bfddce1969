/* What the compiler is not to know, in GNU C for any processor. */
#ifndef TF_HIDDEN_H
#define TF_HIDDEN_H

#include <stdint.h>

/* The number itself, at least 1: a loop that runs so often is neither unrolled to its end nor skipped. */
static inline __attribute__((always_inline, unused)) int32_t tf_hidden(int32_t number) {
  __asm("" : "+r"(number));
  if (number < 1) {
    __builtin_unreachable();
  }
  return number;
}

#endif
