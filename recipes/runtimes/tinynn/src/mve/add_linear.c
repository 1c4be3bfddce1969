/* ADD and SUB with Helium as a linear function of both inputs: see c/add_linear.c. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinynn.h"

void tinynn_add_linear_mve(const struct tinynn_add_linear *restrict p, const int8_t *left, const int8_t *right,
                           int8_t *output) {
  const int32x4_t factor = vdupq_n_s32(p->left), lowest = vdupq_n_s32(p->lowest), highest = vdupq_n_s32(p->highest);
  __asm__ volatile(
      "wlstp.32 lr, %[count], 2f\n"
      "1:\n\t"
      "vldrb.s32 q0, [%[left]], #4\n\t"
      "vldrb.s32 q1, [%[right]], #4\n\t"
      "vmlas.s32 q0, %q[factor], %[constant]\n\t"
      "vmla.s32 q0, q1, %[other]\n\t"
      "vshr.s32 q0, q0, #21\n\t"
      "vmax.s32 q0, q0, %q[lowest]\n\t"
      "vmin.s32 q0, q0, %q[highest]\n\t"
      "vstrb.32 q0, [%[output]], #4\n\t"
      "letp lr, 1b\n"
      "2:"
      : [left] "+r"(left), [right] "+r"(right), [output] "+r"(output)
      : [count] "r"(p->elements), [other] "r"(p->right), [constant] "r"(p->constant), [factor] "w"(factor),
        [lowest] "w"(lowest), [highest] "w"(highest)
      : "lr", "q0", "q1", "memory");
}
#endif
