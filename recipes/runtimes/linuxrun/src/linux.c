/* Linux in place of a chip. What the program prints and how it ends, which its main leaves to semihosting, is done here; the
 * stack is that of the linker script. */
#include "tf_linux.h"
#include "tf_self.h"
#include "tf_start.h"

int main(void);
_Noreturn void tf_linux_start(void);

__asm(".globl _start\n.type _start, %function\n_start:\n"
#if defined(__arm__)
      " ldr sp, =tf_stack_top\n b tf_linux_start\n.ltorg\n"
#elif defined(__aarch64__)
      " adrp x0, tf_stack_top\n add x0, x0, :lo12:tf_stack_top\n mov sp, x0\n b tf_linux_start\n"
#elif defined(__x86_64__)
      " mov $tf_stack_top, %rsp\n call tf_linux_start\n"
#else
      ".option push\n.option norelax\n la gp, __global_pointer$\n.option pop\n la sp, tf_stack_top\n j tf_linux_start\n"
#endif
      ".size _start, . - _start\n");

enum { SYS_WRITEC = 0x03, SYS_EXIT_EXTENDED = 0x20, STANDARD_OUTPUT = 1 };
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11 };

int tf_counters = -1;

static _Noreturn void leave(int status) {
  for (;;) {
    tf_system(TF_EXIT, status, 0, 0, 0);
  }
}

void tf_linux_start(void) { leave(main()); }

uintptr_t tf_host(uintptr_t operation, const void *argument) {
  static char line[256];
  static uint32_t used;
  if (operation != SYS_WRITEC) leave(operation == SYS_EXIT_EXTENDED ? (int)((const uintptr_t *)argument)[1] : 1);
  line[used++] = *(const char *)argument;
  if (line[used - 1] != '\n' && used < sizeof line) return 0;
  for (uint32_t begin = 0; begin < used;) {
    const intptr_t written = tf_system(TF_WRITE, STANDARD_OUTPUT, (intptr_t)(line + begin), (intptr_t)(used - begin), 0);
    if (written <= 0) leave(1); /* nobody reads it any more */
    begin += (uint32_t)written;
  }
  used = 0;
  return 0;
}

int tf_nothing(const void *given) {
  (void)given;
  return 0;
}

static void signalled(int signal, const uintptr_t *what, const uint8_t *context) {
  const uintptr_t address = what[sizeof *what == 8 ? 2 : 3]; /* si_addr */
  tf_fault((uint32_t)signal, *(const uintptr_t *)(const void *)(context + TF_PLACE), address, 0);
}

/* linux/perf_event.h, as of its first version. */
struct event {
  uint32_t type, size;
  uint64_t counted, period, sampled, read_format, flags;
  uint32_t wakeup, breakpoint;
  uint64_t address;
};

static int opened(uint64_t counted, int leader) {
  enum { GROUP = 1 << 3, PINNED = 1 << 2, NOT_KERNEL = 1 << 5, NOT_HYPERVISOR = 1 << 6, ANY_PROCESSOR = -1 };
  const struct event event = {.size = sizeof event,
                              .counted = counted,
                              .read_format = GROUP,
                              .flags = NOT_KERNEL | NOT_HYPERVISOR | (leader < 0 ? PINNED : 0)};
  return (int)tf_system(TF_PERF_EVENT_OPEN, (intptr_t)&event, 0, ANY_PROCESSOR, leader);
}

static void open_counters(void) {
  enum { CYCLES = 0, INSTRUCTIONS = 1 };
  tf_counters = opened(INSTRUCTIONS, -1);
  const int second = tf_counters < 0 ? 0 : opened(CYCLES, tf_counters);
  if (second < 0) tf_counters = second;
}

void tf_catch_traps(void) {
  enum { WITH_INFORMATION = 4, WITH_RESTORER = 0x04000000, ON_STACK = 0x08000000, MASK_BYTES = 8 };
  extern char tf_signal_stack_bottom[], tf_signal_stack_top[];
  const struct {
    char *bottom;
    int flags;
    uintptr_t size;
  } stack = {tf_signal_stack_bottom, 0, (uintptr_t)(tf_signal_stack_top - tf_signal_stack_bottom)};
  /* Handler, flags and mask, between which some have a restorer: nothing ever returns to it. */
  const uintptr_t action[5] = {(uintptr_t)signalled, WITH_INFORMATION | WITH_RESTORER | ON_STACK};
  static const uint8_t signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
  tf_system(TF_SIGALTSTACK, (intptr_t)&stack, 0, 0, 0);
  for (uint32_t i = 0; i < sizeof signals; ++i) {
    tf_system(TF_SIGACTION, signals[i], (intptr_t)action, 0, MASK_BYTES);
  }
  open_counters();
}
