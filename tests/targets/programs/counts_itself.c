/* Runs the functions of control_flow.c on QEMU and prints how many instructions each took, by QEMU's own clock.
 *
 * Arm: with `-icount shift=10` an instruction takes 1024 ns, and the CMSDK timer of the MPS2 boards ticks at 25 MHz.
 * RISC-V: with `-icount shift=0` the instret counter counts instructions.
 */
#include <stdint.h>

int self_loop(void), conditions(void), jumps_out(void), table(void), calls(void), recursion(void), copies(void);
int straight(void), wide(void), nothing(void), main(void);

#if defined(__thumb__)
static volatile uint32_t *const timer = (volatile uint32_t *)0x40000000u; /* control, value, reload */

static uint32_t clock(void) { return ~timer[1]; }
static void start_clock(void) {
  timer[2] = timer[1] = 0xffffffffu;
  timer[0] = 1;
}
static void semihost(uint32_t operation, const void *argument) {
  register uint32_t r0 __asm("r0") = operation;
  register const void *r1 __asm("r1") = argument;
  __asm volatile("bkpt #0xab" : "+r"(r0) : "r"(r1) : "memory");
}
static void put(char letter) { semihost(3, &letter); }
static _Noreturn void leave(void) {
  for (;;) {
    semihost(0x18, (const void *)0x20026);
  }
}
#else
static uint32_t clock(void) {
  uint32_t count;
  __asm volatile("csrr %0, minstret" : "=r"(count));
  return count;
}
static void start_clock(void) {}
static void put(char letter) { *(volatile uint8_t *)0x10000000u = (uint8_t)letter; }
static _Noreturn void leave(void) {
  for (;;) {
    *(volatile uint32_t *)0x100000u = 0x5555;
  }
}
#endif

__attribute__((noinline)) static uint32_t measure(int (*function)(void)) {
  uint32_t begin = clock();
  function();
  return clock() - begin;
}

int main(void) {
  static int (*const functions[])(void) = {nothing, self_loop, conditions, jumps_out, table,
                                           calls,   recursion, copies,     straight,  wide};
  start_clock();
  for (uint32_t i = 0; i < sizeof functions / sizeof *functions; ++i) {
    uint32_t count = measure(functions[i]);
    for (int shift = 28; shift >= 0; shift -= 4) {
      put("0123456789abcdef"[count >> shift & 15]);
    }
    put('\n');
  }
  leave();
}
