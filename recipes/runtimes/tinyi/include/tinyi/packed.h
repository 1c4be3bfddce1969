/* A model that was prepared beforehand: the calls of tinynn's kernels that make up an inference, with their structs,
 * packed weights and places in the arena, as one file that is read where it lies, in flash. docs/packed.md has its form;
 * tinyflow/backends/tinyi/packed.py writes it. */
#ifndef TINYI_PACKED_H
#define TINYI_PACKED_H

#include <stdint.h>

#include "tinyi.h"

/* Of the form that this reads. */
enum { TINYI_PACKED_VERSION = 1 };

/* A kernel that is linked. */
struct tinyi_packed_kernel {
  uint32_t id; /* of its name, the order of its struct's fields, and its parameters */
  void (*function)(void);
  const uint16_t *fields;   /* where they lie in its struct, pointers first */
  uint8_t pointers, words;  /* their numbers */
  uint8_t inputs;           /* 3 at most */
  uint8_t takes_scratch;
  uint8_t struct_words;     /* of the struct, and of a call in the file */
  uint8_t call_words;
};

struct tinyi_packed {
  const uint8_t *data; /* the file, aligned to 16 bytes */
  uint32_t size;       /* that there is room for: the file may be shorter */
  const struct tinyi_packed_kernel *kernels;
  uint32_t kernel_count;
  uint8_t *arena; /* aligned to 16 bytes */
  uint32_t arena_bytes;
};

/* Check all but the constants: TINYI_DAMAGED, TINYI_UNSUPPORTED for a file of another version, TINYI_UNKNOWN_OPERATOR
 * for one that calls kernels which aren't linked, such as another processor's, TINYI_ARENA_TOO_SMALL. Nothing is kept. */
int tinyi_packed_setup(const struct tinyi_packed *model);

/* Whether the constants are as they were written, too: once, when a file was received. */
int tinyi_packed_check(const struct tinyi_packed *model);

/* One inference, with a file that both accepted. */
int tinyi_packed_invoke(const struct tinyi_packed *model);

#endif
