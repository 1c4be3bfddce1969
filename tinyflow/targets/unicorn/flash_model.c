/* Counts what a chip waits for its flash: lines that its small caches for instructions and for data don't hold.
 *
 * Unicorn calls `tf_fetch` at the start of every translated block and `tf_load` at every read from flash. With prefetch the line
 * behind the one that runs is fetched ahead. Once enough reads were seen the hook removes itself, see
 * flash_model.py. Freestanding, like block_table.c. `struct tf_flash` is mirrored in flash_model.py.
 */
#include <stddef.h>
#include <stdint.h>

#include "cache_lines.h"
#include "it_block.h"

#define EXPORTED __attribute__((visibility("default")))

struct tf_flash {
    struct tf_lines instructions;
    struct tf_lines data;
    uint64_t begin, end; /* of flash */
    uint64_t last_fetched; /* line, plus 1 */
    uint64_t block;        /* that runs now */
    const uint64_t *functions; /* their addresses, rising; the first is 0 */
    uint64_t (*misses)[2];     /* of each: lines of instructions, lines of data */
    uint64_t count;            /* of functions */
    uint64_t reads_left; /* that are looked at, for each costs ten times what it costs unseen */
    const uint64_t *now; /* instructions so far */
    uint64_t blind_since; /* instructions, then */
    void *hook;
    int (*remove)(void *engine, void *hook); /* uc_hook_del */
    struct tf_status status;
    uint32_t is_shared;                      /* `instructions` holds data, too */
    uint32_t has_prefetch;
};

/* One more line that the function which runs now has to wait for. */
static void miss(struct tf_flash *flash, int is_data)
{
    uint64_t first = 0, last = flash->count;
    while (last - first > 1) {
        uint64_t middle = first + (last - first) / 2;
        if (flash->functions[middle] <= flash->block) {
            first = middle;
        } else {
            last = middle;
        }
    }
    flash->misses[first][is_data]++;
}

/* UC_HOOK_BLOCK */
EXPORTED void tf_fetch(void *engine, uint64_t address, uint32_t size, struct tf_flash *flash)
{
    (void)engine;
    flash->block = address;
    if (address < flash->begin || address >= flash->end) {
        return;
    }
    struct tf_lines *lines = &flash->instructions;
    for (uint64_t line = address / lines->bytes; line <= (address + size - 1) / lines->bytes; line++) {
        int was_there = touch(lines, line + 1);
        if (!was_there && !(flash->has_prefetch && line == flash->last_fetched)) {
            miss(flash, 0);
        }
        flash->last_fetched = line + 1;
    }
}

/* UC_HOOK_MEM_READ over flash */
EXPORTED void tf_load(void *engine, int type, uint64_t address, int size, int64_t value, struct tf_flash *flash)
{
    (void)type;
    (void)value;
    leave_it_block(engine, &flash->status);
    struct tf_lines *lines = flash->is_shared ? &flash->instructions : &flash->data;
    for (uint64_t line = address / lines->bytes; line <= (address + (uint64_t)size - 1) / lines->bytes; line++) {
        if (!touch(lines, line + 1)) {
            miss(flash, 1);
        }
    }
    if (--flash->reads_left == 0) {
        flash->blind_since = *flash->now;
        flash->remove(engine, flash->hook);
    }
}
