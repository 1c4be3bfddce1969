/* Reset of Arm's M-profile: the vector table of the core itself (no chip's interrupts are used) and the FPU. */
#include "tf_start.h"

_Noreturn void Reset_Handler(void);

/* Armv7-M Architecture Reference Manual (DDI 0403), B1.5.2: initial stack pointer, then exceptions 1 to 15. */
struct tf_vectors {
  uint32_t *stack_top;
  void (*exceptions[15])(void);
};

extern const struct tf_vectors tf_vectors;

__attribute__((section(".vectors"), used)) const struct tf_vectors tf_vectors = {
    .stack_top = tf_stack_top,
    .exceptions = {Reset_Handler, tf_trap, tf_trap, tf_trap, tf_trap, tf_trap, 0, 0, 0, 0, tf_trap, tf_trap, 0, tf_trap,
                   tf_trap},
};

#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
static void enable_fpu(void) {
  /* DDI 0403, B3.2.20, Coprocessor Access Control Register: full access to CP10 and CP11. */
  volatile uint32_t *const cpacr = (volatile uint32_t *)0xE000ED88u;
  *cpacr |= 0xFu << 20;
  __asm volatile("dsb\n\tisb" ::: "memory");
}
#endif

_Noreturn void Reset_Handler(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  enable_fpu();
#endif
  tf_start();
}
