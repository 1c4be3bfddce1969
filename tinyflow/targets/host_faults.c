/* Tells where the host's firmware was when it faulted, or when it was asked to stop: one line on the answers' stream.
 * May also stop at each breakpoint, with a line `stop PLACE RETURNS`, and obey `peek ADDRESS BYTES`, `poke ADDRESS BYTES`
 * (and the bytes) until `goon 0 0`.
 *
 * Lives in the firmware's process (host_process.py). The line: `fault SIGNAL PC ADDRESS ACCESS SP CALLS WORD...`; numbers are
 * hexadecimal, ACCESS is 1 for a read, 2 a write, 4 a fetch, 0 unknown; CALLS are those of the layers' functions by their
 * dispatcher, counted by breakpoints where there are some (x86-64 only); the words are the top of the stack.
 * The C library is the process's own.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
enum { REQUESTS = 0, ANSWERS = 1, MOST_ENTRIES = 256, STACK_WORDS = 4, STACK_BYTES = 1 << 16, PAGE = 4096 };
enum { BREAKPOINT = 0xcc, SINGLE_STEP = 1 << 8 /* TF of EFLAGS */ };

static unsigned char own_stack[STACK_BYTES];
static char line[512];

static uint64_t calls;
#if defined(__x86_64__)
/* Breakpoints at the dispatcher's entry (the first) and at those of the layers' functions. */
static uintptr_t entries[MOST_ENTRIES], dispatcher_end, dispatcher_returns_to, stepping;
static unsigned char originals[MOST_ENTRIES];
static int count, is_stopping;
#endif

struct place {
    uintptr_t pc, sp, access;
};

static char *put(char *at, uint64_t number)
{
    *at++ = ' ';
    int shift = 60;
    while (shift > 0 && number >> shift == 0) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        *at++ = "0123456789abcdef"[number >> shift & 15];
    }
    return at;
}

static struct place place_of(const ucontext_t *context, int number)
{
    struct place place = {0, 0, 0};
#if defined(__x86_64__)
    const greg_t *registers = context->uc_mcontext.gregs;
    place.pc = (uintptr_t)registers[REG_RIP];
    place.sp = (uintptr_t)registers[REG_RSP];
    if (number == SIGSEGV || number == SIGBUS) { /* bits of the page fault's error code */
        place.access = registers[REG_ERR] & 16 ? 4 : registers[REG_ERR] & 2 ? 2 : 1;
    }
#elif defined(__aarch64__)
    (void)number;
    place.pc = context->uc_mcontext.pc;
    place.sp = context->uc_mcontext.sp;
#endif
    return place;
}

static void report(int number, siginfo_t *info, const ucontext_t *context)
{
    const struct place place = place_of(context, number);
    uintptr_t address = number == SIGSEGV || number == SIGBUS ? (uintptr_t)info->si_addr : 0;
    uintptr_t access = info->si_code == SI_KERNEL ? 0 : place.access; /* no address then */
    char *at = line;
    for (const char *word = "fault"; *word != 0; word++) {
        *at++ = *word;
    }
    at = put(put(put(put(put(put(at, (uint64_t)number), place.pc), address), access), place.sp), calls);
    ssize_t written = 0;
    /* the words may lie where nothing can be read, which would end the process here: what is known goes first */
    written += write(ANSWERS, line, (size_t)(at - line));
    char *more = at;
    if (access != 4 || place.sp % sizeof(uintptr_t) == 0) {
        const uintptr_t *words = (const uintptr_t *)(place.sp & ~(uintptr_t)7);
        int probe[2];
        if (pipe(probe) == 0) { /* write refuses what can't be read, instead of faulting */
            uintptr_t word;
            for (int i = 0; i < STACK_WORDS; i++) {
                if (write(probe[1], words + i, sizeof word) != sizeof word || read(probe[0], &word, sizeof word) <= 0) {
                    break;
                }
                more = put(more, word);
            }
        }
    }
    *more++ = '\n';
    written += write(ANSWERS, at, (size_t)(more - at));
    _exit(written > 0 ? 0 : 1);
}

#if defined(__x86_64__)
static void arm(int index, unsigned char byte)
{
    *(volatile unsigned char *)entries[index] = byte;
}

static void send(const void *data, size_t size)
{
    for (const char *at = data; size > 0;) {
        const ssize_t sent = write(ANSWERS, at, size);
        if (sent <= 0) {
            _exit(1);
        }
        at += sent;
        size -= (size_t)sent;
    }
}

static void take(void *data, size_t size)
{
    for (char *at = data; size > 0;) {
        const ssize_t taken = read(REQUESTS, at, size);
        if (taken <= 0) {
            _exit(1);
        }
        at += taken;
        size -= (size_t)taken;
    }
}

/* A number, and what ends it. */
static uint64_t take_number(uint64_t base)
{
    uint64_t number = 0;
    for (char digit;;) {
        take(&digit, 1);
        if (digit == ' ' || digit == '\n') {
            return number;
        }
        number = number * base + (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
}

/* Serve the other end until it lets the program go on. */
static void stop(uintptr_t place, uintptr_t returns_to)
{
    send("stop", 4);
    send(line, (size_t)(put(put(line, place), returns_to) - line));
    send("\n", 1);
    for (char verb[5];;) {
        take(verb, sizeof verb); /* with the space behind it */
        char *const address = (char *)(uintptr_t)take_number(16);
        const size_t size = (size_t)take_number(10);
        if (verb[0] == 'g') {
            return;
        }
        if (verb[1] == 'o') {
            take(address, size);
        }
        send("ok 0 0\n", 7);
        if (verb[1] == 'e') {
            send(address, size);
        }
    }
}

/* Whether a trap was a breakpoint of ours; if so the program goes on. */
static int is_ours(ucontext_t *context)
{
    greg_t *registers = context->uc_mcontext.gregs;
    if (stepping != 0) {
        for (int i = 0; i < count; i++) {
            if (entries[i] == stepping) {
                arm(i, BREAKPOINT);
            }
        }
        stepping = 0;
        registers[REG_EFL] &= ~(greg_t)SINGLE_STEP;
        return 1;
    }
    const uintptr_t pc = (uintptr_t)registers[REG_RIP] - 1;
    for (int i = 0; i < count; i++) {
        if (entries[i] == pc) {
            const uintptr_t returns_to = *(const uintptr_t *)registers[REG_RSP];
            const int is_inside = returns_to > entries[0] && returns_to <= dispatcher_end;
            if (i == 0) {
                dispatcher_returns_to = returns_to;
            } else if (is_inside || returns_to == dispatcher_returns_to) { /* called, or jumped to as the last thing */
                calls++;
            }
            if (is_stopping) {
                stop(pc, returns_to);
            }
            arm(i, originals[i]);
            stepping = pc;
            registers[REG_RIP] = (greg_t)pc;
            registers[REG_EFL] |= SINGLE_STEP;
            return 1;
        }
    }
    return 0;
}
#endif

static void handle(int number, siginfo_t *info, void *context)
{
#if defined(__x86_64__)
    if (number == SIGTRAP && count > 0 && is_ours(context)) {
        return;
    }
#endif
    report(number, info, context);
}

/* Take over the signals of faults, and SIGUSR1, which asks where the program is. 0 where all is well. */
EXPORTED int tf_watch_faults(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGUSR1};
    const stack_t stack = {.ss_sp = own_stack, .ss_size = sizeof own_stack};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    action.sa_sigaction = handle;
    int status = sigaltstack(&stack, NULL);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        status |= sigaction(numbers[i], &action, NULL);
    }
    return status;
}

/* Count calls: `places` are the dispatcher's entry, then those of the layers' functions. 0 where that can be done.
 * Stop at each, too, where `has_stops`; no `places`: no more.
 */
EXPORTED int tf_count_calls(const uint64_t *places, int how_many, uint64_t end, int has_stops)
{
#if defined(__x86_64__)
    for (int i = 0; i < count; i++) {
        arm(i, originals[i]);
    }
    count = 0;
    is_stopping = has_stops;
    if (how_many > MOST_ENTRIES) {
        return -1;
    }
    for (int i = 0; i < how_many; i++) {
        const uintptr_t page = (uintptr_t)places[i] & ~(uintptr_t)(PAGE - 1);
        if (mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
            return -1;
        }
        entries[i] = (uintptr_t)places[i];
        originals[i] = *(const unsigned char *)entries[i];
    }
    dispatcher_end = (uintptr_t)end;
    count = how_many;
    for (int i = 0; i < how_many; i++) {
        arm(i, BREAKPOINT);
    }
    return 0;
#else
    (void)places, (void)end, (void)has_stops;
    return how_many > 0 ? -1 : 0;
#endif
}
