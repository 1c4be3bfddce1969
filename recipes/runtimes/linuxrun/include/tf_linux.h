/* Linux's system calls without a C library, and what its clock and counters say.
 *
 * Numbers are those of asm/unistd.h; TF_PLACE is where `struct ucontext` of asm/ucontext.h has the program counter. */
#ifndef TF_LINUX_H
#define TF_LINUX_H

#include <stdint.h>

#if defined(__arm__)
enum { TF_READ = 3, TF_WRITE = 4, TF_EXIT = 248, TF_SIGACTION = 174, TF_SIGALTSTACK = 186 };
enum { TF_CLOCK_GETTIME = 263, TF_PERF_EVENT_OPEN = 364, TF_PLACE = 92 };
#define TF_CALL "svc #0", "r7", "r0", "r1", "r2", "r3", "r4", first, "cc"
#elif defined(__x86_64__)
enum { TF_READ = 0, TF_WRITE = 1, TF_EXIT = 231, TF_SIGACTION = 13, TF_SIGALTSTACK = 131 };
enum { TF_CLOCK_GETTIME = 228, TF_PERF_EVENT_OPEN = 298, TF_PLACE = 168 };
#define TF_CALL "syscall", "rax", "rdi", "rsi", "rdx", "r10", "r8", number, "rcx", "r11"
#else
enum { TF_READ = 63, TF_WRITE = 64, TF_EXIT = 94, TF_SIGACTION = 134, TF_SIGALTSTACK = 132 };
enum { TF_CLOCK_GETTIME = 113, TF_PERF_EVENT_OPEN = 241 };
#if defined(__aarch64__)
enum { TF_PLACE = 440 };
#define TF_CALL "svc #0", "x8", "x0", "x1", "x2", "x3", "x4", first, "cc"
#elif defined(__riscv)
enum { TF_PLACE = 176 };
#define TF_CALL "ecall", "a7", "a0", "a1", "a2", "a3", "a4", first, "memory"
#else
#error "Linux's system calls aren't known for this processor"
#endif
#endif

#define TF_INLINE static inline __attribute__((always_inline))

/* By the instruction, with the number and arguments in these registers; where the result is, and what else is lost. */
#define TF_SYSTEM_CALL(...) TF_SYSTEM_CALL_BY(__VA_ARGS__)
#define TF_SYSTEM_CALL_BY(instruction, n, a, b, c, d, e, result, ...) \
  register intptr_t number __asm(n) = which; \
  register intptr_t first __asm(a) = one; \
  register intptr_t second __asm(b) = two; \
  register intptr_t third __asm(c) = three; \
  register intptr_t fourth __asm(d) = four; \
  register intptr_t fifth __asm(e) = 0; \
  __asm volatile(instruction \
                 : "+r"(number), "+r"(first) \
                 : "r"(second), "r"(third), "r"(fourth), "r"(fifth) \
                 : "memory", __VA_ARGS__); \
  return result

TF_INLINE intptr_t tf_system(intptr_t which, intptr_t one, intptr_t two, intptr_t three, intptr_t four) {
  TF_SYSTEM_CALL(TF_CALL);
}

/* Instructions and cycles, not the system's own; a file, or the number of an error below 0. */
extern int tf_counters;

/* Nanoseconds, instructions, cycles. Inlined, for what is below the caller's stack pointer belongs to what it measures. */
enum { TF_CLOCKS = 3 };

TF_INLINE void tf_clocks(uint64_t now[TF_CLOCKS]) {
  enum { MONOTONIC = 1 };
  intptr_t time[2]; /* seconds, nanoseconds */
  if (tf_counters >= 0) tf_system(TF_READ, tf_counters, (intptr_t)now, TF_CLOCKS * sizeof *now, 0); /* their number first */
  tf_system(TF_CLOCK_GETTIME, MONOTONIC, (intptr_t)time, 0, 0);
  now[0] = (uint64_t)time[0] * 1000000000u + (uint64_t)time[1];
}

#endif
