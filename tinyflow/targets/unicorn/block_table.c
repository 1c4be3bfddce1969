/* Counts the blocks that a simulated program runs: one table of (block before, block) -> executions.
 *
 * Unicorn calls `tf_count_block` at the start of every translated block. From the table follow, after the run and at no cost
 * to it: instructions, instructions per function, calls, taken branches. Sums are exact, for a block runs to its end unless it
 * faults, and then the simulator stops.
 *
 * Freestanding: memory and Unicorn's functions come in through the table, so that no library of the host is needed to link.
 * `struct tf_edge` and `struct tf_table` are mirrored in block_table.py.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tf_edge {
    uint64_t from; /* address of the block before; 0 at the start of a call */
    uint64_t address;
    uint64_t executions; /* 0 in an empty place of the table */
    uint32_t from_size;  /* bytes */
    uint32_t size;
    uint32_t instructions;
    uint32_t is_used;
};

struct tf_table {
    struct tf_edge *edges;
    uint64_t capacity; /* a power of two */
    uint64_t used;
    uint64_t instructions;
    uint64_t limit; /* instructions */
    uint64_t last;  /* address of the block that runs now */
    uint64_t previous; /* of the block before it */
    uint32_t last_size;
    uint32_t is_riscv;
    uint32_t is_over_limit;
    uint32_t is_out_of_memory;
    int (*read)(void *engine, uint64_t address, void *bytes, size_t size); /* uc_mem_read */
    int (*stop)(void *engine);                                             /* uc_emu_stop */
    void *(*allocate)(size_t count, size_t size);                          /* calloc */
    void (*release)(void *memory);                                         /* free */
};

#define EXPORTED __attribute__((visibility("default")))

static bool is_long_instruction(const struct tf_table *table, unsigned halfword)
{
    if (table->is_riscv) {
        return (halfword & 3) == 3; /* RISC-V ISA manual, 1.5: base instruction-length encoding */
    }
    return (halfword >> 11) >= 0x1d; /* Armv7-M ARM, A5.1: 0b11101, 0b11110, 0b11111 */
}

/* An instruction that begins in the block counts, even where the translator cut the block behind its first half. */
static uint32_t count_instructions(struct tf_table *table, void *engine, uint64_t address, uint32_t size)
{
    uint32_t count = 0;
    for (uint32_t offset = 0; offset < size; count++) {
        unsigned char halfword[2] = {0, 0};
        table->read(engine, address + offset, halfword, sizeof halfword);
        offset += is_long_instruction(table, halfword[0] | (unsigned)halfword[1] << 8) ? 4 : 2;
    }
    return count;
}

/* The edge's place, or the empty place where it belongs. */
static struct tf_edge *find(const struct tf_table *table, uint64_t from, uint32_t from_size, uint64_t address, uint32_t size)
{
    /* Odd constants near 2^64 divided by the golden ratio spread neighbours (Knuth, TAOCP 3, 6.4). */
    uint64_t hash = (address + size) * 0x9e3779b97f4a7c15u ^ (from + from_size) * 0xd1b54a32d192ed03u;
    uint64_t mask = table->capacity - 1;
    uint64_t place = (hash >> 32) & mask;
    for (;; place = (place + 1) & mask) {
        struct tf_edge *edge = &table->edges[place];
        bool is_same = edge->address == address && edge->from == from && edge->size == size && edge->from_size == from_size;
        if (is_same || !edge->is_used) {
            return edge;
        }
    }
}

static bool grow(struct tf_table *table)
{
    struct tf_table larger = *table;
    larger.capacity = table->capacity * 2;
    larger.edges = table->allocate(larger.capacity, sizeof *larger.edges);
    if (larger.edges == NULL) {
        return false;
    }
    for (uint64_t place = 0; place < table->capacity; place++) {
        const struct tf_edge *edge = &table->edges[place];
        if (edge->is_used) {
            *find(&larger, edge->from, edge->from_size, edge->address, edge->size) = *edge;
        }
    }
    table->release(table->edges);
    *table = larger;
    return true;
}

static struct tf_edge *add(struct tf_table *table, void *engine, uint64_t address, uint32_t size)
{
    if (table->used * 2 >= table->capacity && !grow(table)) {
        return NULL;
    }
    struct tf_edge *edge = find(table, table->last, table->last_size, address, size);
    edge->from = table->last;
    edge->from_size = table->last_size;
    edge->address = address;
    edge->size = size;
    edge->instructions = count_instructions(table, engine, address, size);
    edge->is_used = 1;
    table->used++;
    return edge;
}

/* UC_HOOK_BLOCK. Stops before the block that would pass the limit, so that the place is the same in every run. */
EXPORTED void tf_count_block(void *engine, uint64_t address, uint32_t size, struct tf_table *table)
{
    struct tf_edge *edge = find(table, table->last, table->last_size, address, size);
    if (!edge->is_used) {
        edge = add(table, engine, address, size);
        if (edge == NULL) {
            table->is_out_of_memory = 1;
            table->stop(engine);
            return;
        }
    }
    table->previous = table->last;
    table->last = address;
    table->last_size = size;
    if (table->instructions + edge->instructions > table->limit) {
        table->is_over_limit = 1;
        table->stop(engine);
        return;
    }
    edge->executions++;
    table->instructions += edge->instructions;
}
