/* QEMU plugin: counts the blocks that a processor runs, in a file that the harness maps too.
 *
 * One table of (block before, block) -> executions, as the built-in simulator keeps it; from it follow instructions,
 * functions and calls. QEMU decides about leaving a block before the plugin is asked, so that a block that is counted
 * runs to its end unless it faults. At the limit the process ends, with the table as it then is.
 *
 * Argument: `table=PATH`, a file of zeros that has the size of `struct tf_table`. The plugin interface (version 1: QEMU
 * 4.2 to 8) is declared here as far as it is used, for distributions ship no header. `struct tf_edge` and the
 * head of `struct tf_table` are mirrored in counter.py.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tf_edge {
    uint64_t from; /* address of the block before; 0 at the start of a call */
    uint64_t address;
    uint64_t executions;
    uint32_t from_size; /* bytes */
    uint32_t size;
    uint32_t instructions;
    uint32_t is_used;
};

enum { CAPACITY = 1 << 16 /* edges, a power of two */ };

struct tf_table {
    uint64_t instructions;
    uint64_t limit;
    uint64_t last; /* address of the block that runs now */
    uint32_t last_size;
    uint32_t is_over_limit;
    uint32_t used;
    uint32_t is_full;
    struct tf_edge edges[CAPACITY];
};

/* A translated block; `edge` is where it was found last. */
struct block {
    uint64_t address;
    uint32_t size;
    uint32_t instructions;
    struct tf_edge *edge;
};

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
typedef void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void executed(unsigned vcpu, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translated *function);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, executed *function, int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

/* The C library of the process that loads this. */
int open(const char *path, int flags, ...);
void *mmap(void *address, size_t size, int protection, int flags, int file, long offset);
void *calloc(size_t count, size_t size);
int strncmp(const char *left, const char *right, size_t size);
_Noreturn void _exit(int status);

enum { READ_WRITE = 2, PROTECTION = 3 /* read, write */, SHARED = 1, NO_REGISTERS = 0, STATUS = 86 };
#define EXPORTED __attribute__((visibility("default")))

EXPORTED int qemu_plugin_version = 1;
static struct tf_table *table;

/* The edge's place, or the empty place where it belongs. */
static struct tf_edge *find(const struct block *block)
{
    /* Odd constants near 2^64 divided by the golden ratio spread neighbours (Knuth, TAOCP 3, 6.4). */
    uint64_t hash = (block->address + block->size) * 0x9e3779b97f4a7c15u ^ (table->last + table->last_size) * 0xd1b54a32d192ed03u;
    uint64_t place = (hash >> 32) % CAPACITY;
    for (;; place = (place + 1) % CAPACITY) {
        struct tf_edge *edge = &table->edges[place];
        bool is_same = edge->address == block->address && edge->from == table->last && edge->size == block->size
                       && edge->from_size == table->last_size;
        if (is_same || !edge->is_used) {
            return edge;
        }
    }
}

static struct tf_edge *find_or_add(const struct block *block)
{
    struct tf_edge *edge = find(block);
    if (edge->is_used) {
        return edge;
    }
    if (++table->used > CAPACITY / 2) {
        table->is_full = 1;
        _exit(STATUS);
    }
    edge->from = table->last;
    edge->from_size = table->last_size;
    edge->address = block->address;
    edge->size = block->size;
    edge->instructions = block->instructions;
    edge->is_used = 1;
    return edge;
}

static void count(unsigned vcpu, void *data)
{
    (void)vcpu;
    struct block *block = data;
    struct tf_edge *edge = block->edge;
    bool is_same = edge != NULL && edge->is_used && edge->from == table->last && edge->from_size == table->last_size
                   && edge->address == block->address && edge->size == block->size;
    if (!is_same) {
        edge = block->edge = find_or_add(block);
    }
    table->last = block->address;
    table->last_size = block->size;
    if (table->instructions + block->instructions > table->limit) {
        table->is_over_limit = 1;
        _exit(STATUS);
    }
    edge->executions++;
    table->instructions += block->instructions;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    struct block *block = calloc(1, sizeof *block);
    if (block == NULL) {
        _exit(STATUS);
    }
    size_t instructions = qemu_plugin_tb_n_insns(tb);
    for (size_t index = 0; index < instructions; index++) {
        block->size += (uint32_t)qemu_plugin_insn_size(qemu_plugin_tb_get_insn(tb, index));
    }
    block->instructions = (uint32_t)instructions;
    block->address = qemu_plugin_tb_vaddr(tb);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, count, NO_REGISTERS, block);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    static const char name[] = "table=";
    if (argc != 1 || strncmp(argv[0], name, sizeof name - 1) != 0) {
        return -1;
    }
    int file = open(argv[0] + sizeof name - 1, READ_WRITE);
    void *memory = file < 0 ? NULL : mmap(NULL, sizeof *table, PROTECTION, SHARED, file, 0);
    if (memory == NULL || memory == (void *)-1) {
        return -1;
    }
    table = memory;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
