/* Linux's system calls without a C library, and what its clock and counters say.
 *
 * Numbers are those of asm/unistd.h; TF_PLACE is where `struct ucontext` of asm/ucontext.h has the program counter. */
#ifndef TF_LINUX_H
#define TF_LINUX_H

#include <stdint.h>

#if defined(__arm__)
enum { TF_READ = 3, TF_WRITE = 4, TF_EXIT = 248, TF_SIGACTION = 174, TF_SIGALTSTACK = 186 };
enum { TF_CLOCK_GETTIME = 263, TF_PERF_EVENT_OPEN = 364, TF_PLACE = 92 };
#define TF_CALL "svc #0"
#define TF_NUMBER "r7"
#define TF_ARGUMENT "r"
#elif defined(__aarch64__) || defined(__riscv)
enum { TF_READ = 63, TF_WRITE = 64, TF_EXIT = 94, TF_SIGACTION = 134, TF_SIGALTSTACK = 132 };
enum { TF_CLOCK_GETTIME = 113, TF_PERF_EVENT_OPEN = 241 };
#if defined(__aarch64__)
enum { TF_PLACE = 440 };
#define TF_CALL "svc #0"
#define TF_NUMBER "x8"
#define TF_ARGUMENT "x"
#else
enum { TF_PLACE = 176 };
#define TF_CALL "ecall"
#define TF_NUMBER "a7"
#define TF_ARGUMENT "a"
#endif
#else
#error "Linux's system calls aren't known for this processor"
#endif

#define TF_INLINE static inline __attribute__((always_inline))

TF_INLINE intptr_t tf_system(intptr_t number, intptr_t first, intptr_t second, intptr_t third, intptr_t fourth) {
  register intptr_t in __asm(TF_NUMBER) = number;
  register intptr_t a __asm(TF_ARGUMENT "0") = first;
  register intptr_t b __asm(TF_ARGUMENT "1") = second;
  register intptr_t c __asm(TF_ARGUMENT "2") = third;
  register intptr_t d __asm(TF_ARGUMENT "3") = fourth;
  register intptr_t e __asm(TF_ARGUMENT "4") = 0;
  __asm volatile(TF_CALL : "+r"(a) : "r"(in), "r"(b), "r"(c), "r"(d), "r"(e) : "memory");
  return a;
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
