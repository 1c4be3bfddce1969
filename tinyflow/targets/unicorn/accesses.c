/* Counts what a call reads and writes, and what it fetches: by layer and place, with bytes, distinct bytes, and misses of caches.
 *
 * A place is a symbol, or what lies between two; together they are all addresses, so that everything is counted once. Unicorn
 * calls `tf_enter` at the start of every translated block, behind the table's own hook, and `tf_access` at every read and write.
 * Which layer runs is seen where the dispatching function calls another. Freestanding, like block_table.c. `struct tf_accesses` and the
 * counts are mirrored in accesses.py.
 */
#include <stddef.h>
#include <stdint.h>

#include "cache_lines.h"
#include "it_block.h"

#define EXPORTED __attribute__((visibility("default")))
enum { MOST_REGIONS = 16, PLACE_HINTS = 256, WRITE = 17 /* UC_MEM_WRITE */ };

/* What was read and written. `lines` are those of the cache that were asked for, one for each access but where it lies across two. */
struct tf_data {
    uint64_t loads, stores, load_bytes, store_bytes, distinct_bytes, lines, misses, written_back;
};

/* What ran. `lines` are those that instructions came from, counted where another begins. */
struct tf_code {
    uint64_t instructions, lines, misses;
};

struct tf_accesses {
    struct tf_lines instructions, data;
    uint8_t *dirty; /* of each place of the data cache */
    uint64_t region_begin[MOST_REGIONS], region_end[MOST_REGIONS];
    uint64_t first_bit[MOST_REGIONS]; /* of each region, in a layer's bitmap */
    uint8_t *touched;                 /* a bitmap for each layer, one for none, and one for all */
    uint64_t bitmap_bytes;
    const uint64_t *starts;    /* of places, rising; the first is 0, the last beyond all addresses */
    struct tf_data *by_layer;  /* of each layer and none, of each place */
    struct tf_data *by_code;   /* of each place that code ran in */
    uint64_t *distinct;        /* bytes of each place, whichever layer */
    struct tf_code *code;      /* of each place */
    struct tf_code *layers;    /* of each layer and none */
    const uint64_t *entries;   /* of the functions that are called for layers, in order */
    const uint64_t *layer_of;  /* these calls */
    const uint8_t *is_called;  /* of each place, whether it begins with one of them */
    uint64_t calls, begun;
    uint64_t dispatcher_begin, dispatcher_end;
    const uint64_t *now; /* instructions so far, the block that begins included */
    uint64_t before;     /* likewise, at the block before */
    uint64_t layer, place, last_line;
    uint64_t places, none, regions; /* `none`: where what belongs to no layer is counted */
    uint32_t place_hint[PLACE_HINTS];
    struct tf_status status;
    uint32_t is_whole;      /* one layer is all of this call */
    uint32_t is_dispatching;
    uint32_t is_another;    /* calls were not the expected ones */
};

static uint64_t place_of(struct tf_accesses *seen, uint64_t address)
{
    uint32_t *hint = &seen->place_hint[(address >> 5) % PLACE_HINTS];
    if (seen->starts[*hint] <= address && address < seen->starts[*hint + 1]) {
        return *hint;
    }
    uint64_t first = 0, last = seen->places;
    while (last - first > 1) {
        uint64_t middle = first + (last - first) / 2;
        if (seen->starts[middle] <= address) {
            first = middle;
        } else {
            last = middle;
        }
    }
    *hint = (uint32_t)first;
    return first;
}

static void choose_layer(struct tf_accesses *seen, uint64_t address)
{
    if (address >= seen->dispatcher_begin && address < seen->dispatcher_end) {
        seen->layer = seen->none;
        seen->is_dispatching = 1;
    } else if (seen->is_dispatching) {
        seen->is_dispatching = 0;
        if (seen->is_called[seen->place] && address == seen->starts[seen->place]) {
            if (seen->begun < seen->calls && seen->entries[seen->begun] == address) {
                seen->layer = seen->layer_of[seen->begun++];
            } else {
                seen->is_another = 1;
            }
        }
    }
}

/* UC_HOOK_BLOCK */
EXPORTED void tf_enter(void *engine, uint64_t address, uint32_t size, struct tf_accesses *seen)
{
    (void)engine;
    uint64_t instructions = *seen->now - seen->before;
    seen->before = *seen->now;
    seen->place = place_of(seen, address);
    if (!seen->is_whole) {
        choose_layer(seen, address);
    }
    struct tf_code *sums[2] = {&seen->code[seen->place], &seen->layers[seen->layer]};
    uint64_t lines = 0, misses = 0;
    for (uint64_t line = address / seen->instructions.bytes; line <= (address + size - 1) / seen->instructions.bytes; line++) {
        if (line + 1 != seen->last_line) {
            lines++;
            misses += !touch(&seen->instructions, line + 1);
            seen->last_line = line + 1;
        }
    }
    for (int i = 0; i < 2; i++) {
        sums[i]->instructions += instructions;
        sums[i]->lines += lines;
        sums[i]->misses += misses;
    }
}

/* How many bytes are new to a bitmap. */
static uint64_t mark(uint8_t *bitmap, uint64_t bit, uint64_t size)
{
    uint64_t found = 0;
    for (uint64_t end = bit + size; bit < end; bit++) {
        uint8_t mask = (uint8_t)(1u << (bit & 7));
        found += !(bitmap[bit >> 3] & mask);
        bitmap[bit >> 3] |= mask;
    }
    return found;
}

static uint64_t distinct(struct tf_accesses *seen, uint64_t place, uint64_t address, uint64_t size)
{
    for (uint64_t i = 0; i < seen->regions; i++) {
        if (address >= seen->region_begin[i] && address + size <= seen->region_end[i]) {
            uint64_t bit = seen->first_bit[i] + (address - seen->region_begin[i]);
            seen->distinct[place] += mark(seen->touched + (seen->none + 1) * seen->bitmap_bytes, bit, size);
            return mark(seen->touched + seen->layer * seen->bitmap_bytes, bit, size);
        }
    }
    return 0;
}

/* UC_HOOK_MEM_READ and UC_HOOK_MEM_WRITE */
EXPORTED void tf_access(void *engine, int type, uint64_t address, int size, int64_t value, struct tf_accesses *seen)
{
    (void)value;
    leave_it_block(engine, &seen->status);
    uint64_t bytes = (uint64_t)size, place = place_of(seen, address);
    uint8_t is_write = type == WRITE;
    struct tf_data one = {
        .loads = !is_write,
        .stores = is_write,
        .load_bytes = is_write ? 0 : bytes,
        .store_bytes = is_write ? bytes : 0,
        .distinct_bytes = distinct(seen, place, address, bytes),
    };
    for (uint64_t line = address / seen->data.bytes; line <= (address + bytes - 1) / seen->data.bytes; line++) {
        int was_there = touch(&seen->data, line + 1);
        uint8_t *dirty = &seen->dirty[seen->data.hint[(line + 1) % HINTS]];
        one.lines++;
        one.misses += !was_there;
        one.written_back += !was_there && *dirty;
        *dirty = (uint8_t)((was_there && *dirty) || is_write);
    }
    struct tf_data *sums[2] = {&seen->by_layer[seen->layer * seen->places + place], &seen->by_code[seen->place]};
    for (int i = 0; i < 2; i++) {
        sums[i]->loads += one.loads;
        sums[i]->stores += one.stores;
        sums[i]->load_bytes += one.load_bytes;
        sums[i]->store_bytes += one.store_bytes;
        sums[i]->distinct_bytes += one.distinct_bytes;
        sums[i]->lines += one.lines;
        sums[i]->misses += one.misses;
        sums[i]->written_back += one.written_back;
    }
}
