/* Writes, calls and reads, as a debug probe would do them, as a host asks for it by frames; to each request an answer.
 * A request with the number of the one before is that one again, whose answer was lost: what was called isn't called
 * again. */
#include "frame.h"
#include "tf_self.h"

int model_setup(void);
int model_invoke(void);

enum { VERSION = 1 };
enum { HELLO = 'H', AGAIN = 'Z', WRITE = 'W', READ = 'R', CHECK = 'K', CALL = 'C' };          /* requests */
enum { BEGUN = 'B', ACCEPTED = 'A', DONE = 'D', TRAPPED = 'T', DAMAGED = 'X', UNKNOWN = 'U' }; /* answers */

static struct tf_reader reader;
static uint8_t sequence, answered; /* of the request at hand, and of the last call that is over */
static uint8_t is_open;           /* somebody has said hello since reset */
static char kind_of_last;         /* of the answer to that call; 0 before the first */
static uint32_t told[TF_TOLD];    /* its payload */

static void tell(char kind, const volatile void *payload, uint32_t size) {
  tf_write(tf_serial_put, kind, sequence, payload, size);
}

#if !defined(TF_CYCLES) && defined(__riscv)
#define TF_CYCLES mcycle
#elif !defined(TF_CYCLES) && !defined(__ARM_ARCH_6M__) && !defined(__ARM_ARCH_8M_BASE__)
#define TF_CYCLES 0xE0001004 /* DDI 0403, C1.8.8: DWT_CYCCNT */
#endif

static uint32_t cycles(void) {
  uint32_t count = 0;
#if defined(TF_CYCLES) && defined(__riscv)
#define TEXT(number) #number
#define READ_CSR(number) "csrr %0, " TEXT(number)
  __asm volatile(READ_CSR(TF_CYCLES) : "=r"(count)::"memory");
#elif defined(TF_CYCLES)
  count = *(const volatile uint32_t *)TF_CYCLES;
#endif
  return count;
}

static void start_cycles(void) {
#if defined(TF_CYCLES) && TF_CYCLES == 0xE0001004
  *(volatile uint32_t *)0xE000EDFC |= 1u << 24; /* DDI 0403, C1.6.5: DEMCR.TRCENA */
  *(volatile uint32_t *)0xE0001000 |= 1;        /* C1.8.7: DWT_CTRL.CYCCNTENA */
#endif
}

static void greet(char kind) {
  const uint32_t words[] = {VERSION, TF_MOST - sizeof(uint32_t)};
  tell(kind, words, sizeof words);
}

static uint32_t word_at(uint32_t place) {
  const uint8_t *const bytes = reader.bytes + TF_HEAD + place;
  return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void call(void) {
  if (kind_of_last == 0 || sequence != answered) {
    kind_of_last = 0;
    tell(ACCEPTED, 0, 0);
    tf_call(word_at(0), (const void *)(uintptr_t)word_at(4), cycles, told);
    answered = sequence, kind_of_last = DONE;
  }
  tell(kind_of_last, told, sizeof told);
}

static void answer(uint32_t size) {
  volatile uint8_t *const place = (volatile uint8_t *)(uintptr_t)word_at(0);
  const char kind = (char)reader.bytes[0];
  sequence = reader.bytes[1];
  if (kind == HELLO) {
    is_open = 1, kind_of_last = 0;
    greet(HELLO);
  } else if (!is_open) {
    greet(BEGUN);
  } else if (kind == AGAIN) {
    tell(AGAIN, 0, 0);
    tf_again();
  } else if (kind == WRITE && size > 4) {
    for (uint32_t i = 4; i < size; ++i) {
      place[i - 4] = reader.bytes[TF_HEAD + i];
    }
    tell(WRITE, 0, 0);
  } else if (kind == READ && size == 8) {
    tell(READ, place, word_at(4));
  } else if (kind == CHECK && size == 8) {
    const uint32_t crc = ~tf_crc32(~0u, place, word_at(4));
    tell(CHECK, &crc, sizeof crc);
  } else if (kind == CALL && size == 8) {
    call();
  } else {
    tell(UNKNOWN, 0, 0);
  }
}

static _Noreturn void serve(void) {
  __asm volatile("" ::"r"(model_setup), "r"(model_invoke)); /* for the linker, which keeps what is named */
  for (;;) {
    switch (tf_take(&reader, tf_serial_get())) {
      case TF_WHOLE:
        answer(reader.bytes[2] | (uint32_t)reader.bytes[3] << 8);
        break;
      case TF_DAMAGED:
        tell(DAMAGED, 0, 0);
        break;
      default:
        break;
    }
  }
}

_Noreturn void tf_fault(uint32_t cause, uintptr_t place, uintptr_t value, uintptr_t back) {
  told[0] = cause, told[1] = (uint32_t)place, told[2] = (uint32_t)value, told[3] = 0;
  answered = sequence, kind_of_last = TRAPPED;
  tell(TRAPPED, told, sizeof told);
  tf_resume(serve, back);
}

int main(void) {
  tf_catch_traps();
  tf_serial_begin();
  start_cycles();
  greet(BEGUN);
  serve();
}
