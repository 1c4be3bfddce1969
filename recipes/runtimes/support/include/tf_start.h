/* What start-up code and linker script agree on. The names of addresses are the linker script's; they are not variables. */
#ifndef TF_START_H
#define TF_START_H

#include <stdint.h>

extern uint32_t tf_stack_top[];        /* one past the stack's highest word */
extern const uint32_t tf_data_load[];  /* in flash: the first values of .data */
extern uint32_t tf_data_start[];
extern uint32_t tf_data_end[];
extern uint32_t tf_bss_start[];
extern uint32_t tf_bss_end[];

/* Fill .data and .bss and call main. The stack pointer, and the FPU where there is one, must be ready. */
_Noreturn void tf_start(void);

/* Where every exception ends: nothing in this firmware causes one on purpose, and a debug probe finds it here. */
_Noreturn void tf_trap(void);

#endif
