/* Models that were prepared beforehand: see tinyi/packed.h. */
#include "tinyi/packed.h"

#include <stddef.h>

/* The header's words: behind it the calls, then, from a multiple of 16 bytes on, the constants. */
enum {
  MAGIC = 0,
  VERSION = 1,
  SIZE = 2,        /* bytes of the file */
  ARENA_BYTES = 3, /* that it needs */
  CALLS_END = 4,   /* bytes up to there */
  CONSTANTS = 5,   /* bytes up to there */
  CALLS_SUMS = 6,  /* of all words before it, and of the calls */
  CONSTANTS_SUMS = 8,
  HEADER_WORDS = 10
};
#define MAGIC_WORD UINT32_C(0x4b504654) /* TFPK */

/* A call's words: kernel, output, scratch, inputs, pointers, other fields of its struct. */
enum { KERNEL = 0, OUTPUT = 1, SCRATCH = 2, INPUTS = 3 };

/* What an operand is: an offset in the arena, one in the file, or nothing, of scratch. Pointers are in the file. */
#define IN_ARENA UINT32_C(0x80000000)
#define NOTHING UINT32_MAX

/* Two sums that tell one changed word, two that are exchanged, and shorter or longer stretches. */
struct sums {
  uint32_t words, sums;
};

static inline struct sums sum_up(struct sums sums, const uint32_t *at, const uint32_t *end) {
#pragma GCC unroll 8
  for (; at < end; ++at) {
    sums.words += *at;
    sums.sums += sums.words;
  }
  return sums;
}

static inline int32_t is_sum(const uint32_t *header, uint32_t which, struct sums sums) {
  return header[which] == sums.words && header[which + 1] == sums.sums;
}

static inline const uint32_t *words_of(const struct tinyi_packed *model) {
  return (const uint32_t *)(const void *)model->data;
}

static inline const struct tinyi_packed_kernel *find(const struct tinyi_packed *model, uint32_t id) {
  const struct tinyi_packed_kernel *kernel = model->kernels, *end = kernel + model->kernel_count;
  while (kernel != end && kernel->id != id) {
    ++kernel;
  }
  return kernel;
}

static int check_header(const struct tinyi_packed *model) {
  const uint32_t *header = words_of(model);
  if (model->size < 4 * HEADER_WORDS || header[MAGIC] != MAGIC_WORD) {
    return TINYI_DAMAGED;
  }
  if (header[VERSION] != TINYI_PACKED_VERSION) {
    return TINYI_UNSUPPORTED;
  }
  const uint32_t end = header[CALLS_END], constants = header[CONSTANTS], size = header[SIZE];
  if (end < 4 * HEADER_WORDS || end > constants || constants > size || size > model->size ||
      ((end | constants | size) & 3) != 0) {
    return TINYI_DAMAGED;
  }
  struct sums sums = {0, 0};
  sums = sum_up(sums, header, header + CALLS_SUMS);
  sums = sum_up(sums, header + HEADER_WORDS, header + end / 4);
  if (!is_sum(header, CALLS_SUMS, sums)) {
    return TINYI_DAMAGED;
  }
  return header[ARENA_BYTES] > model->arena_bytes ? TINYI_ARENA_TOO_SMALL : TINYI_OK;
}

/* Whether all offsets of a call lie inside. */
static int32_t is_inside(const uint32_t *header, const struct tinyi_packed_kernel *kernel, const uint32_t *call) {
  const uint32_t arena = header[ARENA_BYTES], constants = header[CONSTANTS], size = header[SIZE] - constants;
  if ((call[OUTPUT] ^ IN_ARENA) >= arena ||
      (call[SCRATCH] != NOTHING && ((call[SCRATCH] ^ IN_ARENA) >= arena || (call[SCRATCH] & 3) != 0))) {
    return 0;
  }
  const uint32_t *at = call + INPUTS, *end = at + kernel->inputs;
#pragma GCC unroll 1
  for (; at != end; ++at) {
    if ((*at ^ IN_ARENA) >= arena && *at - constants >= size) {
      return 0;
    }
  }
  uint32_t bits = 0;
#pragma GCC unroll 1
  for (end += kernel->pointers; at != end; ++at) {
    bits |= *at;
    if (*at - constants >= size) {
      return 0;
    }
  }
  return (bits & 3) == 0;
}

int tinyi_packed_setup(const struct tinyi_packed *model) {
  const int status = check_header(model);
  if (status != TINYI_OK) {
    return status;
  }
  const uint32_t *header = words_of(model), *call = header + HEADER_WORDS, *end = header + header[CALLS_END] / 4;
  const struct tinyi_packed_kernel *none = model->kernels + model->kernel_count;
  while (call != end) {
    const struct tinyi_packed_kernel *kernel = find(model, call[KERNEL]);
    if (kernel == none) {
      return TINYI_UNKNOWN_OPERATOR;
    }
    if (end - call < kernel->call_words || !is_inside(header, kernel, call)) {
      return TINYI_DAMAGED;
    }
    call += kernel->call_words;
  }
  return TINYI_OK;
}

int tinyi_packed_check(const struct tinyi_packed *model) {
  const int status = check_header(model);
  if (status != TINYI_OK) {
    return status;
  }
  const uint32_t *header = words_of(model);
  const struct sums none = {0, 0};
  const struct sums sums = sum_up(none, header + header[CALLS_END] / 4, header + header[SIZE] / 4);
  return is_sum(header, CONSTANTS_SUMS, sums) ? TINYI_OK : TINYI_DAMAGED;
}

static inline void *place_of(const struct tinyi_packed *model, uint32_t operand) {
  return operand >= IN_ARENA ? (void *)(model->arena + (operand ^ IN_ARENA))
                             : (void *)(uintptr_t)(model->data + operand);
}

/* Kernels take pointers of several types, none of which matters to how they are called. */
typedef void one(const void *p, const void *input, void *output);
typedef void one_and_scratch(const void *p, const void *input, void *output, void *scratch);
typedef void two(const void *p, const void *left, const void *right, void *output);
typedef void two_and_scratch(const void *p, const void *left, const void *right, void *output, void *scratch);
typedef void three(const void *p, const void *a, const void *b, const void *c, void *output);
typedef void none_but_output(const void *p, void *output);

/* Fill the kernel's struct and call it. A function by itself: profiles know layers by what it calls. */
__attribute__((noinline)) void tinyi_packed_call(const struct tinyi_packed *model,
                                                 const struct tinyi_packed_kernel *kernel, const uint32_t *call) {
  uint64_t filled[kernel->struct_words / 2 + 1];
  const uint32_t *at = call + INPUTS + kernel->inputs, *end = at + kernel->pointers;
  const uint16_t *field = kernel->fields;
#pragma GCC unroll 1
  for (uint32_t i = 0; i <= kernel->struct_words / 2u; ++i) {
    filled[i] = 0;
  }
#pragma GCC unroll 1
  for (; at != end; ++at, ++field) {
    const void *pointer = model->data + *at;
    __builtin_memcpy((uint8_t *)filled + *field, &pointer, sizeof(void *));
  }
#pragma GCC unroll 4
  for (end = at + kernel->words; at != end; ++at, ++field) {
    __builtin_memcpy((uint8_t *)filled + *field, at, sizeof *at);
  }
  void *output = place_of(model, call[OUTPUT]);
  void *scratch = call[SCRATCH] == NOTHING ? NULL : place_of(model, call[SCRATCH]);
  const void *a = kernel->inputs > 0 ? place_of(model, call[INPUTS]) : NULL;
  const void *b = kernel->inputs > 1 ? place_of(model, call[INPUTS + 1]) : NULL;
  void (*const function)(void) = kernel->function;
  switch (2 * kernel->inputs + kernel->takes_scratch) {
    case 0: ((none_but_output *)function)(filled, output); break;
    case 2: ((one *)function)(filled, a, output); break;
    case 3: ((one_and_scratch *)function)(filled, a, output, scratch); break;
    case 4: ((two *)function)(filled, a, b, output); break;
    case 5: ((two_and_scratch *)function)(filled, a, b, output, scratch); break;
    default: ((three *)function)(filled, a, b, place_of(model, call[INPUTS + 2]), output); break;
  }
}

int tinyi_packed_invoke(const struct tinyi_packed *model) {
  const uint32_t *header = words_of(model), *call = header + HEADER_WORDS, *end = header + header[CALLS_END] / 4;
  while (call != end) {
    const struct tinyi_packed_kernel *kernel = find(model, call[KERNEL]);
    tinyi_packed_call(model, kernel, call);
    call += kernel->call_words;
  }
  return TINYI_OK;
}
