/* Writes, calls and reads, as a debug probe would do them, from a script that was put into the ELF file; what came of
 * them goes to the simulator's console as lines of text:
 *
 *     @tf <kind> <length> <payload> <CRC-32>      without the blanks; numbers and bytes in hexadecimal
 *
 * Telling takes as many instructions whatever there is to tell, so that two runs differ by what they call alone. */
#include "tf_self.h"

int model_setup(void);
int model_invoke(void);

enum { SEMIHOSTING = 1, TOHOST = 2, ADDRESS = 3 };
enum { END, WRITE, CALL, READ };
enum { SYS_WRITEC = 0x03, SYS_EXIT = 0x18, SYS_EXIT_EXTENDED = 0x20 };
enum { STOPPED_EXIT = 0x20026, STOPPED_ERROR = 0x20023 };
enum { HTIF_WRITE = 64, STANDARD_OUTPUT = 1 };

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
  crc = tf_crc32(crc, &byte, 1);
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

_Noreturn void tf_fault(uint32_t cause, uintptr_t place, uintptr_t value, uintptr_t back) {
  (void)back;
  const uint32_t told[3] = {cause, (uint32_t)place, (uint32_t)value};
  used = 0;
  put('\n'); /* a line may have been under way */
  tell('T', (const uint8_t *)told, sizeof told);
  leave(1);
}

static uint32_t nothing(void) { return 0; }

static uint32_t retired(void) {
  uint32_t count = 0;
#if defined(__riscv)
  __asm volatile("csrr %0, minstret" : "=r"(count)::"memory");
#endif
  return count;
}

int main(void) {
  if (tf_script == 0) return model_setup() || model_invoke(); /* for the linker, which keeps what is called */
  tf_catch_traps();
  const struct step *step = (const struct step *)(tf_script + 1);
  for (;;) {
    const uint8_t *const data = (const uint8_t *)(step + 1);
    volatile uint8_t *const place = (volatile uint8_t *)(uintptr_t)step->address;
    uint32_t told[TF_TOLD], size = step->size_bytes;
    switch (step->kind) {
      case WRITE:
        for (uint32_t i = 0; i < size; ++i) {
          place[i] = data[i];
        }
        break;
      case CALL:
        tf_call(step->address, data, tf_script->counts_retired ? retired : nothing, told);
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
