/* Undoes what a hook of Unicorn does to an Arm core's IT block.
 *
 * Before it calls a hook for an access to memory, Unicorn 2.1.4 brings the processor's state up to date, the condition of an IT
 * block among it, and leaves that behind: a return within the block then takes the condition along to where it leads. Between
 * instructions of translated code that state is always empty.
 */
#include <stdint.h>

/* How to reach the engine's registers; `number` is that of CPSR, or -1 on a processor without IT. */
struct tf_status {
    int (*read)(void *engine, int number, void *value);        /* uc_reg_read */
    int (*write)(void *engine, int number, const void *value); /* uc_reg_write */
    int32_t number;
};

static inline void leave_it_block(void *engine, const struct tf_status *status)
{
    const uint32_t it_bits = 0x0600fc00; /* Armv7-A/R ARM, B1.3.3: ITSTATE in CPSR */
    uint32_t value = 0;
    if (status->number >= 0 && status->read(engine, status->number, &value) == 0 && (value & it_bits) != 0) {
        value &= ~it_bits;
        status->write(engine, status->number, &value);
    }
}
