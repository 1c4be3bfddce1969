/* What every main of firmware that runs by itself needs: calls that are measured, checksums, and what is left to assembly. */
#ifndef TF_SELF_H
#define TF_SELF_H

#include <stdint.h>

#if defined(TF_LINUX)
#include "tf_linux.h"
#else
enum { TF_CLOCKS = 0, tf_counters = 0 };
static inline void tf_clocks(uint64_t *now) { (void)now; }
#endif

enum { TF_STATUS, TF_STACK, TF_STACK_SIZE, TF_COUNT, TF_NO_COUNTERS, TF_CLOCK };
enum { TF_TOLD = TF_CLOCKS ? TF_CLOCK + 2 * TF_CLOCKS : TF_NO_COUNTERS }; /* words of a call */

/* Its status, the bytes of stack that it took, those that it may take, and what `count` counted around it, less what it
 * counted around a call of nothing. On a system then why it has no counters, the time in nanoseconds and, likewise, what
 * its counters say. `count` may use no stack. */
void tf_call(uintptr_t address, const void *given, uint32_t (*count)(void), uint32_t told[TF_TOLD]);

/* CRC-32 of zlib, whose first `crc` is ~0 and whose last is to be inverted; as many instructions for any bytes. */
uint32_t tf_crc32(uint32_t crc, const volatile uint8_t *bytes, uint32_t size);

/* "Semihosting for AArch32 and AArch64" (Arm), which "RISC-V Semihosting" follows. */
uintptr_t tf_host(uintptr_t operation, const void *argument);

/* 0, by two instructions. */
int tf_nothing(const void *given);

/* Let every exception lead to tf_fault, with an empty stack. */
void tf_catch_traps(void);

/* Each main has its own; `back` is for tf_resume. */
_Noreturn void tf_fault(uint32_t cause, uintptr_t place, uintptr_t value, uintptr_t back);

/* Leave the exception, and go on at `where` with an empty stack. */
_Noreturn void tf_resume(void (*where)(void), uintptr_t back);

/* Begin anew, behind reset: variables have their first values. */
_Noreturn void tf_again(void);

#endif
