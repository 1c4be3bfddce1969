/* Reading a FlatBuffer (google.github.io/flatbuffers/internals) with every access checked.
 *
 * Errors stick: after the first one `file->status` stays, and what is read is 0. So callers check once, before they use
 * what they read. Positions are bytes from the file's beginning; 0 stands for "absent".
 */
#ifndef TINYI_FLAT_H
#define TINYI_FLAT_H

#include <stdint.h>

struct tinyi_file {
  const uint8_t *data; /* aligned to 16 bytes */
  uint32_t size;       /* below 2^31 */
  int32_t status;      /* enum tinyi_status */
};

struct tinyi_table {
  uint32_t at;
  uint32_t vtable;
  uint32_t vtable_bytes; /* 0: no table */
};

struct tinyi_vector {
  uint32_t at; /* of the first element */
  uint32_t count;
};

/* Keep the first error. */
void tinyi_fail(struct tinyi_file *file, int32_t status);

/* The 32-bit number at a position, which is aligned. */
static inline uint32_t tinyi_word(const struct tinyi_file *file, uint32_t at) {
  return *(const uint32_t *)(const void *)(file->data + at);
}

/* Whether `bytes` (below 2^31) lie in the file from `at` on, aligned to `alignment`. */
static inline int tinyi_is_inside(const struct tinyi_file *file, uint32_t at, uint32_t bytes, uint32_t alignment) {
  return at <= file->size && bytes <= file->size - at && (at & (alignment - 1)) == 0;
}

/* The table at the end of the offset at `at`, which lies inside. */
struct tinyi_table tinyi_follow(struct tinyi_file *file, uint32_t at);

/* Where field `id` of a table lies, `bytes` (1, 2, 4) long; 0 where it is absent. */
uint32_t tinyi_field(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id, uint32_t bytes);

/* Integers; absent ones have a default. */
int32_t tinyi_int(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id, int32_t otherwise);
int32_t tinyi_byte(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id);

/* The table that a field points to; an absent one has no fields. */
struct tinyi_table tinyi_child(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id);

/* The vector that a field points to, of elements of 2^log2_bytes bytes; none has no elements. */
struct tinyi_vector tinyi_vector(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                 uint32_t log2_bytes);

/* Table `index` of a vector of tables. */
struct tinyi_table tinyi_element(struct tinyi_file *file, const struct tinyi_vector *vector, uint32_t index);

#endif
