/* Finds writes of a layer outside of what it may write: its outputs, its scratch, the stack.
 *
 * Unicorn calls `tf_guard_write` before every write to the memory that is watched. At the first one outside of all ranges the
 * run is stopped, with the write noted. Freestanding, like block_table.c. `struct tf_guard` is mirrored in guard.py.
 */
#include <stddef.h>
#include <stdint.h>

#include "it_block.h"

#define EXPORTED __attribute__((visibility("default")))
enum { MOST_RANGES = 64 };

struct tf_guard {
    uint64_t begin[MOST_RANGES];
    uint64_t end[MOST_RANGES];
    uint64_t address; /* of the write */
    uint64_t counter; /* the instruction that writes */
    uint32_t size;    /* bytes written; 0 while there was none */
    uint32_t ranges;
    uint32_t is_on;
    int32_t counter_register;
    struct tf_status status;
    int (*stop)(void *engine);
};

/* UC_HOOK_MEM_WRITE */
EXPORTED void tf_guard_write(void *engine, int type, uint64_t address, int size, int64_t value, struct tf_guard *guard)
{
    (void)type;
    (void)value;
    leave_it_block(engine, &guard->status);
    if (!guard->is_on || guard->size != 0) {
        return;
    }
    for (uint32_t i = 0; i < guard->ranges; i++) {
        if (guard->begin[i] <= address && address + (uint64_t)size <= guard->end[i]) {
            return;
        }
    }
    guard->address = address;
    guard->size = (uint32_t)size;
    guard->counter = 0;
    guard->status.read(engine, guard->counter_register, &guard->counter);
    guard->stop(engine);
}
