/* One function for every way in which firmware goes wrong. */
#include <stdint.h>

#define ROOT __attribute__((used, retain))

volatile uint32_t elsewhere = 0x10000000;

ROOT int reads_null(void) {
  int *volatile pointer = (int *)0;
  return *pointer;
}

ROOT int reads_nowhere(void) { return *(volatile uint8_t *)elsewhere; }

ROOT int writes_nowhere(void) {
  *(volatile uint16_t *)elsewhere = 1;
  return 0;
}

ROOT int writes_flash(void) {
  *(volatile uint32_t *)((uintptr_t)&writes_flash & ~3u) = 1;
  return 0;
}

ROOT int loops_for_ever(void) {
  for (;;) {
    ++elsewhere;
  }
}

__attribute__((noinline)) static int deeper(int level) {
  volatile int here[16] = {level};
  return deeper(level + 1) + here[0];
}

ROOT int overflows_stack(void) { return deeper(0); }

ROOT int overflows_at_once(void) {
  volatile uint8_t large[6000];
  large[elsewhere & 1] = 1;
  return large[0];
}

ROOT int fills_its_stack(void) {
  volatile uint8_t large[4096];
  for (int i = 0; i < 4096; ++i) {
    large[i] = (uint8_t)i;
  }
  return large[1];
}

ROOT int jumps_nowhere(void) { return ((int (*)(void))(elsewhere | 1))(); }

ROOT int runs_data(void) { return ((int (*)(void))((uintptr_t)&elsewhere | 1))(); }

#if defined(__thumb__)
ROOT __attribute__((naked)) int undefined(void) { __asm volatile("movs r0, #1\n\tudf #7\n\tbx lr"); }
ROOT int breaks(void) {
  __asm volatile("bkpt #0xab");
  return 0;
}
ROOT int calls_system(void) {
  __asm volatile("svc #1");
  return 0;
}
ROOT __attribute__((naked)) int returns_nowhere(void) { __asm volatile("push {r4, lr}\n\tmovs r0, #16\n\tstr r0, [sp, #4]\n\tpop {r4, pc}"); }
ROOT int jumps_to_arm(void) {
  uint32_t even = (uint32_t)(uintptr_t)&undefined & ~1u;
  __asm volatile("bx %0" ::"r"(even));
  return 0;
}
#elif defined(__arm__) || defined(__aarch64__)
ROOT int undefined(void) {
  __asm volatile("udf #7");
  return 0;
}
ROOT int calls_system(void) {
  __asm volatile("svc #1");
  return 0;
}
#elif defined(__x86_64__)
ROOT int undefined(void) {
  __asm volatile("ud2");
  return 0;
}
#elif defined(__xtensa__)
ROOT int undefined(void) {
  __asm volatile("ill");
  return 0;
}
ROOT int breaks(void) {
  __asm volatile(".byte 0x10, 0x41, 0x00 /* break 1, 1 */");
  return 0;
}
ROOT int calls_system(void) {
  __asm volatile(".byte 0x00, 0x50, 0x00 /* syscall */");
  return 0;
}
ROOT int returns_nowhere(void) { return ((int (*)(void))0xa0000000u)(); }
#else
ROOT int undefined(void) {
  __asm volatile("li a0, 1\n\tunimp");
  return 0;
}
ROOT int breaks(void) {
  __asm volatile("ebreak");
  return 0;
}
ROOT int calls_system(void) {
  __asm volatile("ecall");
  return 0;
}
ROOT __attribute__((naked)) int returns_nowhere(void) { __asm volatile("li ra, 16\n\tret"); }
#endif

ROOT int is_unaligned(void) { return (int)*(volatile uint32_t *)((uintptr_t)&elsewhere + 1); }

ROOT int waits(void) {
#if defined(__xtensa__)
  __asm volatile(".byte 0x00, 0x70, 0x00 /* waiti 0 */");
#elif !defined(__x86_64__)
  __asm volatile("wfi");
#endif
  return 0;
}

#if defined(__ARM_FEATURE_DSP)
ROOT int uses_dsp(void) {
  int result;
  __asm volatile("sxtab16 %0, %1, %1" : "=r"(result) : "r"(elsewhere));
  return result;
}
#endif

#if defined(__ARM_FP) && defined(__arm__)
ROOT int uses_fpu(void) {
  __asm volatile("vadd.f32 s0, s0, s0" ::: "s0");
  return 0;
}
#endif
