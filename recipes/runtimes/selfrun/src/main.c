/* Writes, calls and reads, as a debug probe would do them, from a script that was put into the ELF file; what came of
 * them goes to the simulator's console as lines of text:
 *
 *     @tf <kind> <length> <payload> <CRC-32>      without the blanks; numbers and bytes in hexadecimal
 *
 * Telling takes as many instructions whatever there is to tell, so that two runs differ by what they call alone. */
#include "host.h"
#include "tf_start.h"

#if defined(TF_LINUX)
#include "tf_linux.h"
#else
enum { TF_CLOCKS = 0, tf_counters = 0 };
static inline void tf_clocks(uint64_t *now) { (void)now; }
#endif

int model_setup(void);
int model_invoke(void);

enum { SEMIHOSTING = 1, TOHOST = 2, ADDRESS = 3 };
enum { END, WRITE, CALL, READ };
enum { SYS_WRITEC = 0x03, SYS_EXIT = 0x18, SYS_EXIT_EXTENDED = 0x20 };
enum { STOPPED_EXIT = 0x20026, STOPPED_ERROR = 0x20023 };
enum { HTIF_WRITE = 64, STANDARD_OUTPUT = 1 };
enum { PAINT = 0xA5A5A5A5u, NOTHING_TAKES = 2 };
enum { TOLD = TF_CLOCKS ? 5 + 2 * TF_CLOCKS : 4 }; /* words of a call */

/* The compiler knows nothing of this value, but that it is there now: it can't choose between two ways, or compute later. */
#define OPAQUE(value) __asm volatile("" : "+r"(value))

struct script {
  uint32_t way, console, exit, success, failure, counts_retired, unused[2];
};

struct step {
  uint32_t kind, address, size_bytes, unused;
  /* bytes, up to a multiple of 16 */
};

/* It is given its value in the file. */
const struct script *const volatile tf_script = 0;

/* riscv-isa-sim finds these numbers of 64 bits by name; only their lower words are ever used. */
volatile uint32_t tohost[2] __attribute__((aligned(64)));
volatile uint32_t fromhost[2] __attribute__((aligned(64)));

static char text[128];
static uint32_t used, crc;

__attribute__((noinline)) static void flush(void) {
  if (tf_script->way == SEMIHOSTING) {
    for (uint32_t i = 0; i < used; ++i) {
      tf_host(SYS_WRITEC, text + i); /* the one operation that ETISS, Renode and QEMU all have */
    }
  } else if (tf_script->way == TOHOST) {
    static volatile uint64_t request[8] __attribute__((aligned(64)));
    request[0] = HTIF_WRITE, request[1] = STANDARD_OUTPUT, request[2] = (uintptr_t)text, request[3] = used;
    __asm volatile("" ::: "memory");
    tohost[0] = (uint32_t)(uintptr_t)request;
    while (fromhost[0] == 0) {
    }
    fromhost[0] = 0;
  } else {
    for (uint32_t i = 0; i < used; ++i) {
      *(volatile uint8_t *)(uintptr_t)tf_script->console = (uint8_t)text[i];
    }
  }
  used = 0;
}

static void put(char letter) {
  text[used++] = letter;
  if (used == sizeof text) flush();
}

static void put_byte(uint8_t byte) {
  static const char digits[] = "0123456789abcdef";
  put(digits[byte >> 4]);
  put(digits[byte & 15]);
  crc ^= byte;
  for (int bit = 0; bit < 8; ++bit) {
    uint32_t is_odd = -(crc & 1);
    OPAQUE(is_odd);
    crc = crc >> 1 ^ (0xEDB88320u & is_odd);
  }
}

static void put_word(uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    put_byte((uint8_t)(word >> shift));
  }
}

static void tell(char kind, const volatile uint8_t *payload, uint32_t size) {
  put('@'), put('t'), put('f'), put(kind);
  crc = ~0u;
  put_word(size);
  for (uint32_t i = 0; i < size; ++i) {
    put_byte(payload[i]);
  }
  put_word(~crc);
  put('\n');
  flush();
}

static _Noreturn void leave(uint32_t status) {
  if (tf_script->way == SEMIHOSTING) {
    const uintptr_t block[2] = {STOPPED_EXIT, status};
    const uintptr_t reason = status == 0 ? STOPPED_EXIT : STOPPED_ERROR;
    tf_host(SYS_EXIT_EXTENDED, block);
    tf_host(SYS_EXIT, sizeof block == 16 ? (const void *)block : (const void *)reason);
  } else if (tf_script->way == TOHOST) {
    tohost[0] = status << 1 | 1;
  } else {
    *(volatile uint32_t *)(uintptr_t)tf_script->exit = status == 0 ? tf_script->success : tf_script->failure;
  }
  for (;;) {
    __asm volatile("");
  }
}

_Noreturn void tf_fault(uint32_t cause, uintptr_t place, uintptr_t value) {
  const uint32_t told[3] = {cause, (uint32_t)place, (uint32_t)value};
  used = 0;
  put('\n'); /* a line may have been under way */
  tell('T', (const uint8_t *)told, sizeof told);
  leave(1);
}

static inline uint32_t retired(int is_counted) {
  uint32_t count = 0;
#if defined(__riscv)
  if (is_counted) __asm volatile("csrr %0, minstret" : "=r"(count)::"memory");
#else
  (void)is_counted;
#endif
  return count;
}

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

/* The status, the bytes of stack that it took, those that it may take and, where that is asked for, its instructions: what the processor
 * counts around it, less what it counts around a call of nothing. On a system then why it has no
 * counters, the time in nanoseconds and, likewise, what its counters say. */
__attribute__((noinline)) static void call(uintptr_t address, const void *given, uint32_t told[TOLD]) {
  int (*volatile functions[2])(const void *) = {tf_nothing, (int (*)(const void *))address};
  const int is_counted = (int)tf_script->counts_retired;
  uint32_t *const pointer = stack_pointer();
  uint32_t counts[2];
  uint64_t clocks[2][2][TF_CLOCKS + 1] = {0};
  for (uint32_t *word = tf_stack_bottom; word < pointer; ++word) {
    *(volatile uint32_t *)word = PAINT;
  }
  for (int turn = 0; turn < 2; ++turn) {
    int (*const function)(const void *) = functions[turn];
    tf_clocks(clocks[turn][0]);
    const uint32_t before = retired(is_counted);
    told[0] = (uint32_t)function(given);
    uint32_t count = retired(is_counted) - before;
    tf_clocks(clocks[turn][1]);
    OPAQUE(count);
    counts[turn] = count;
  }
  uintptr_t lowest = (uintptr_t)pointer;
  for (const volatile uint32_t *word = pointer; word > tf_stack_bottom;) {
    const uint32_t difference = *--word ^ PAINT;
    uintptr_t is_other = -(uintptr_t)((difference | -difference) >> 31);
    OPAQUE(is_other);
    lowest = ((uintptr_t)word & is_other) | (lowest & ~is_other);
  }
  told[1] = (uint32_t)((uintptr_t)pointer - lowest);
  told[2] = (uint32_t)((uintptr_t)pointer - (uintptr_t)tf_stack_bottom);
  told[3] = counts[1] - counts[0] + NOTHING_TAKES;
  if (TF_CLOCKS) told[4] = tf_counters < 0 ? (uint32_t)-tf_counters : 0;
  for (int i = 0; i < TF_CLOCKS; ++i) {
    const uint64_t nothing = i == 0 ? 0 : clocks[0][1][i] - clocks[0][0][i];
    const uint64_t cost = clocks[1][1][i] - clocks[1][0][i] - nothing;
    told[5 + 2 * i] = (uint32_t)cost;
    told[6 + 2 * i] = (uint32_t)(cost >> 32);
  }
}

int main(void) {
  if (tf_script == 0) return model_setup() || model_invoke(); /* for the linker, which keeps what is called */
  tf_catch_traps();
  const struct step *step = (const struct step *)(tf_script + 1);
  for (;;) {
    const uint8_t *const data = (const uint8_t *)(step + 1);
    volatile uint8_t *const place = (volatile uint8_t *)(uintptr_t)step->address;
    uint32_t told[TOLD], size = step->size_bytes;
    switch (step->kind) {
      case WRITE:
        for (uint32_t i = 0; i < size; ++i) {
          place[i] = data[i];
        }
        break;
      case CALL:
        call(step->address, data, told);
        tell('C', (const uint8_t *)told, sizeof told);
        break;
      case READ:
        tell('R', place, size);
        size = 0;
        break;
      default:
        tell('E', data, 0);
        leave(0);
    }
    step = (const struct step *)(data + ((size + 15) & ~15u));
  }
}
