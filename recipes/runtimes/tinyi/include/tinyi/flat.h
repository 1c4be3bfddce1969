/* Reading a FlatBuffer (google.github.io/flatbuffers/internals) with every access checked.
 *
 * Errors stick: after the first one `file->status` stays, and what is read is 0. So callers check once, before they use
 * what they read. Positions are bytes from the file's beginning; 0 stands for "absent".
 */
#ifndef TINYI_FLAT_H
#define TINYI_FLAT_H

#include <stdint.h>

enum { TINYI_FLAT_DAMAGED = 1 }; /* TINYI_DAMAGED of tinyi.h */

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
static inline void tinyi_fail(struct tinyi_file *file, int32_t status) {
  if (file->status == 0) {
    file->status = status;
  }
}

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
static inline uint32_t tinyi_field(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                   uint32_t bytes) {
  const uint32_t entry = 4 + 2 * id;
  if (entry + 2 > table->vtable_bytes) {
    return 0;
  }
  const uint32_t offset = *(const uint16_t *)(const void *)(file->data + table->vtable + entry);
  if (offset == 0) {
    return 0;
  }
  if (!tinyi_is_inside(file, table->at + offset, bytes, bytes)) {
    tinyi_fail(file, TINYI_FLAT_DAMAGED);
    return 0;
  }
  return table->at + offset;
}

/* Integers; absent ones have a default. */
static inline int32_t tinyi_int(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                int32_t otherwise) {
  const uint32_t at = tinyi_field(file, table, id, 4);
  return at == 0 ? otherwise : (int32_t)tinyi_word(file, at);
}

static inline int32_t tinyi_byte(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id) {
  const uint32_t at = tinyi_field(file, table, id, 1);
  return at == 0 ? 0 : (int8_t)file->data[at];
}

/* The table that a field points to; an absent one has no fields. */
struct tinyi_table tinyi_child(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id);

/* The vector that a field points to, of elements of 2^log2_bytes bytes; none has no elements. */
struct tinyi_vector tinyi_vector(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                 uint32_t log2_bytes);

/* Table `index` of a vector of tables. */
struct tinyi_table tinyi_element(struct tinyi_file *file, const struct tinyi_vector *vector, uint32_t index);

#endif
