/* memcpy, memmove and memset a word at a time, under C's names and under those of the Arm run-time ABI (IHI 0043).
 *
 * The compilers' own are byte loops, or not there. Nothing is loaded or stored unaligned on a core that may trap. */
#include <stddef.h>
#include <stdint.h>

typedef uint32_t __attribute__((may_alias)) word_t;

enum { WORD = sizeof(word_t), BLOCK = 4 * WORD };

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "copies between different alignments are written for little-endian cores"
#endif

/* GCC sees what these loops do and would make each of them call itself. */
#if defined(__GNUC__) && !defined(__clang__)
#define KEEP_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#else
#define KEEP_LOOPS
#endif

void *memcpy(void *restrict destination, const void *restrict source, size_t size);
void *memmove(void *destination, const void *source, size_t size);
void *memset(void *destination, int value, size_t size);

static inline size_t misalignment(const void *address) { return (uintptr_t)address % WORD; }

#if defined(__ARM_FEATURE_UNALIGNED) && defined(__thumb2__)
#define IS_MEMCPY_ASSEMBLY 1 /* memcpy_thumb.S */
static inline void copy_up(uint8_t *to, const uint8_t *from, size_t size) { (void)memcpy(to, from, size); }
#else
#define IS_MEMCPY_ASSEMBLY 0
KEEP_LOOPS static inline void copy_bytes(uint8_t *to, const uint8_t *from, size_t size) {
  while (size-- > 0) {
    *to++ = *from++;
  }
}

/* Copy what is less than a word, without a loop. */
static inline void copy_rest(uint8_t *to, const uint8_t *from, size_t size) {
  if ((size & 2) != 0) {
    to[0] = from[0], to[1] = from[1];
    to += 2, from += 2;
  }
  if ((size & 1) != 0) {
    *to = *from;
  }
}

/* Copy upwards; both addresses are aligned. Four words at a time let the compiler load and store several at once. */
KEEP_LOOPS static inline void copy_aligned(uint8_t *to, const uint8_t *from, size_t size) {
  word_t *to_word = (word_t *)(void *)to;
  const word_t *from_word = (const word_t *)(const void *)from;
  for (const word_t *end = from_word + size / BLOCK * 4; from_word != end; to_word += 4, from_word += 4) {
    const word_t a = from_word[0], b = from_word[1], c = from_word[2], d = from_word[3];
    to_word[0] = a, to_word[1] = b, to_word[2] = c, to_word[3] = d;
  }
  for (const word_t *end = from_word + size % BLOCK / WORD; from_word != end; ++to_word, ++from_word) {
    *to_word = *from_word;
  }
  copy_rest((uint8_t *)to_word, (const uint8_t *)from_word, size);
}

#if defined(__ARM_FEATURE_UNALIGNED) || defined(__x86_64__)
/* Copy upwards to an aligned address from one that is not; this core loads words from anywhere. */
KEEP_LOOPS static inline void copy_misaligned(uint8_t *to, const uint8_t *from, size_t size) {
  typedef struct __attribute__((packed, may_alias)) {
    uint32_t value;
  } anywhere_t;
  word_t *to_word = (word_t *)(void *)to;
  const anywhere_t *from_word = (const anywhere_t *)(const void *)from;
  for (const word_t *end = to_word + size / WORD; to_word != end; ++to_word, ++from_word) {
    *to_word = from_word->value;
  }
  copy_rest((uint8_t *)to_word, (const uint8_t *)from_word, size);
}
#else
/* Copy upwards to an aligned address from one `shift` bytes past an aligned one: each word stored is put together from
 * two that were loaded. No word is touched that holds no byte of the source. `shift` is a constant at each call. */
KEEP_LOOPS static inline void copy_shifted(uint8_t *to, const uint8_t *from, size_t size, unsigned shift) {
  word_t *to_word = (word_t *)(void *)to;
  const word_t *from_word = (const word_t *)(const void *)(from - shift);
  word_t low = *from_word++;
  for (const word_t *end = to_word + size / WORD; to_word != end; ++to_word, ++from_word) {
    const word_t high = *from_word;
    *to_word = low >> 8 * shift | high << (32 - 8 * shift);
    low = high;
  }
  copy_rest((uint8_t *)to_word, from + size / WORD * WORD, size);
}

KEEP_LOOPS static inline void copy_misaligned(uint8_t *to, const uint8_t *from, size_t size) {
  switch (misalignment(from)) {
    case 1:
      copy_shifted(to, from, size, 1);
      break;
    case 2:
      copy_shifted(to, from, size, 2);
      break;
    default:
      copy_shifted(to, from, size, 3);
  }
}
#endif

/* Copy from the lowest address to the highest: right as well for regions that overlap, if `to` is the lower. */
__attribute__((noinline)) KEEP_LOOPS static void copy_unaligned(uint8_t *to, const uint8_t *from, size_t size) {
  if (size < BLOCK) {
    copy_bytes(to, from, size);
    return;
  }
  const size_t head = (WORD - misalignment(to)) % WORD;
  if (head != 0) {
    copy_rest(to, from, head);
  }
  to += head, from += head, size -= head;
  if (misalignment(from) == 0) {
    copy_aligned(to, from, size);
  } else {
    copy_misaligned(to, from, size);
  }
}

KEEP_LOOPS static inline void copy_up(uint8_t *to, const uint8_t *from, size_t size) {
  if ((misalignment(to) | misalignment(from)) == 0) {
    copy_aligned(to, from, size);
  } else {
    copy_unaligned(to, from, size);
  }
}
#endif

/* Copy from the highest address to the lowest, for regions that overlap with `to` the higher. */
KEEP_LOOPS static inline void copy_down(uint8_t *to, const uint8_t *from, size_t size) {
  const uint8_t *const from_start = from;
  to += size, from += size;
  if (misalignment(to) == misalignment(from)) {
    while (from != from_start && misalignment(from) != 0) {
      *--to = *--from;
    }
    while ((size_t)(from - from_start) >= WORD) {
      to -= WORD, from -= WORD;
      *(word_t *)(void *)to = *(const word_t *)(const void *)from;
    }
  }
  while (from != from_start) {
    *--to = *--from;
  }
}

KEEP_LOOPS static inline void fill(uint8_t *to, uint8_t value, size_t size) {
  if (size >= BLOCK) {
    while (misalignment(to) != 0) {
      *to++ = value;
      --size;
    }
    const word_t word = value * 0x01010101u;
    word_t *words = (word_t *)(void *)to;
    for (; size >= BLOCK; size -= BLOCK, words += 4) {
      words[0] = word, words[1] = word, words[2] = word, words[3] = word;
    }
    for (; size >= WORD; size -= WORD) {
      *words++ = word;
    }
    to = (uint8_t *)words;
  }
  while (size-- > 0) {
    *to++ = value;
  }
}

#if !IS_MEMCPY_ASSEMBLY
KEEP_LOOPS void *memcpy(void *restrict destination, const void *restrict source, size_t size) {
  copy_up(destination, source, size);
  return destination;
}
#endif

KEEP_LOOPS void *memmove(void *destination, const void *source, size_t size) {
  if ((uintptr_t)destination <= (uintptr_t)source) {
    copy_up(destination, source, size);
  } else {
    copy_down(destination, source, size);
  }
  return destination;
}

KEEP_LOOPS void *memset(void *destination, int value, size_t size) {
  fill(destination, (uint8_t)value, size);
  return destination;
}

#if defined(__ARM_EABI__)
/* IHI 0043, 4.3.4: the suffix tells the alignment, which is found out anyway; memset takes size before value. */
#define ALIAS(name, of) __attribute__((alias(#of))) void *name(void *destination, const void *source, size_t size)

#if !IS_MEMCPY_ASSEMBLY
ALIAS(__aeabi_memcpy, memcpy);
ALIAS(__aeabi_memcpy4, memcpy);
ALIAS(__aeabi_memcpy8, memcpy);
#endif
ALIAS(__aeabi_memmove, memmove);
ALIAS(__aeabi_memmove4, memmove);
ALIAS(__aeabi_memmove8, memmove);

void __aeabi_memset(void *destination, size_t size, int value);
void __aeabi_memclr(void *destination, size_t size);

KEEP_LOOPS void __aeabi_memset(void *destination, size_t size, int value) { fill(destination, (uint8_t)value, size); }
KEEP_LOOPS void __aeabi_memclr(void *destination, size_t size) { fill(destination, 0, size); }

__attribute__((alias("__aeabi_memset"))) void __aeabi_memset4(void *destination, size_t size, int value);
__attribute__((alias("__aeabi_memset"))) void __aeabi_memset8(void *destination, size_t size, int value);
__attribute__((alias("__aeabi_memclr"))) void __aeabi_memclr4(void *destination, size_t size);
__attribute__((alias("__aeabi_memclr"))) void __aeabi_memclr8(void *destination, size_t size);
#endif
