#include "tf_self.h"
#include "tf_start.h"

enum { PAINT = 0xA5A5A5A5u };

/* The compiler knows nothing of this value, but that it is there now: it can't choose between two ways, or compute later. */
#define OPAQUE(value) __asm volatile("" : "+r"(value))

static inline uint32_t *stack_pointer(void) {
  uint32_t *pointer;
#if defined(__riscv)
  __asm volatile("mv %0, sp" : "=r"(pointer));
#elif defined(__x86_64__)
  __asm volatile("mov %%rsp, %0" : "=r"(pointer));
#else
  __asm volatile("mov %0, sp" : "=r"(pointer));
#endif
  return pointer;
}

extern uint32_t tf_stack_bottom[];

__attribute__((noinline)) void tf_call(uintptr_t address, const void *given, uint32_t (*count)(void), uint32_t told[TF_TOLD]) {
  int (*volatile functions[2])(const void *) = {tf_nothing, (int (*)(const void *))address};
  uint32_t *const pointer = stack_pointer();
  uint32_t counts[2];
  uint64_t clocks[2][2][TF_CLOCKS + 1] = {0};
  for (uint32_t *word = tf_stack_bottom; word < pointer; ++word) {
    *(volatile uint32_t *)word = PAINT;
  }
  for (int turn = 0; turn < 2; ++turn) {
    int (*const function)(const void *) = functions[turn];
    tf_clocks(clocks[turn][0]);
    const uint32_t before = count();
    told[TF_STATUS] = (uint32_t)function(given);
    counts[turn] = count() - before;
    tf_clocks(clocks[turn][1]);
  }
  uintptr_t lowest = (uintptr_t)pointer;
  for (const volatile uint32_t *word = pointer; word > tf_stack_bottom;) {
    const uint32_t difference = *--word ^ PAINT;
    uintptr_t is_other = -(uintptr_t)((difference | -difference) >> 31);
    OPAQUE(is_other);
    lowest = ((uintptr_t)word & is_other) | (lowest & ~is_other);
  }
  told[TF_STACK] = (uint32_t)((uintptr_t)pointer - lowest);
  told[TF_STACK_SIZE] = (uint32_t)((uintptr_t)pointer - (uintptr_t)tf_stack_bottom);
  told[TF_COUNT] = counts[1] - counts[0];
  if (TF_CLOCKS) told[TF_NO_COUNTERS] = tf_counters < 0 ? (uint32_t)-tf_counters : 0;
  for (int i = 0; i < TF_CLOCKS; ++i) {
    const uint64_t nothing = i == 0 ? 0 : clocks[0][1][i] - clocks[0][0][i];
    const uint64_t cost = clocks[1][1][i] - clocks[1][0][i] - nothing;
    told[TF_CLOCK + 2 * i] = (uint32_t)cost;
    told[TF_CLOCK + 1 + 2 * i] = (uint32_t)(cost >> 32);
  }
}
