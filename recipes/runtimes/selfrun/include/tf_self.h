/* What main leaves to assembly. */
#ifndef TF_HOST_H
#define TF_HOST_H

#include <stdint.h>

/* "Semihosting for AArch32 and AArch64" (Arm), which "RISC-V Semihosting" follows. */
uintptr_t tf_host(uintptr_t operation, const void *argument);

/* 0, by two instructions. */
int tf_nothing(const void *given);

/* Let every exception lead to tf_fault, with an empty stack. */
void tf_catch_traps(void);

_Noreturn void tf_fault(uint32_t cause, uintptr_t place, uintptr_t value);

#endif
