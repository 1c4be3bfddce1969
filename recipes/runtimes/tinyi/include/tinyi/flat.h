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
  uint32_t room;         /* bytes of the file behind the table's first four */
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

static inline void tinyi_damaged(struct tinyi_file *file) { tinyi_fail(file, TINYI_FLAT_DAMAGED); }

/* What a check of the file finds hardly ever. */
#define TINYI_RARE(is_met) __builtin_expect(!!(is_met), 0)

/* The functions below are inline: called, most of their work would be to hand over structs. */

/* The table at the end of the offset at `at`, which lies inside. */
static inline struct tinyi_table tinyi_follow(struct tinyi_file *file, uint32_t at) {
  const struct tinyi_table absent = {0, 0, 0, 0};
  const uint32_t last = file->size - 4; /* no file is smaller than 8 */
  const uint32_t offset = tinyi_word(file, at);
  /* `at` is no greater than `last` */
  if (TINYI_RARE(offset > last - at || ((at + offset) & 3) != 0)) {
    tinyi_damaged(file);
    return absent;
  }
  at += offset;
  /* a table begins with the signed distance back to its vtable; modulo 2^32 any distance is some position */
  const uint32_t vtable = at - tinyi_word(file, at);
  if (TINYI_RARE(vtable > last || (vtable & 1) != 0)) {
    tinyi_damaged(file);
    return absent;
  }
  const uint32_t bytes = *(const uint16_t *)(const void *)(file->data + vtable);
  if (TINYI_RARE(bytes > last + 4 - vtable)) { /* with less than 4 there are no fields */
    tinyi_damaged(file);
    return absent;
  }
  const struct tinyi_table table = {at, vtable, bytes, last - at};
  return table;
}

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
  /* a table begins at a multiple of 4 */
  if (TINYI_RARE(offset > table->room + 4 - bytes || (offset & (bytes - 1)) != 0)) {
    tinyi_damaged(file);
    return 0;
  }
  if (table->at + offset == 0) {
    __builtin_unreachable(); /* both are less than 2^31, and `offset` isn't 0: callers need not ask */
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
static inline struct tinyi_table tinyi_child(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id) {
  const uint32_t at = tinyi_field(file, table, id, 4);
  if (at == 0) {
    const struct tinyi_table absent = {0, 0, 0, 0};
    return absent;
  }
  return tinyi_follow(file, at);
}

/* The vector that a field points to, of elements of 2^log2_bytes bytes; none has no elements. */
static inline struct tinyi_vector tinyi_vector(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                               uint32_t log2_bytes) {
  struct tinyi_vector vector = {0, 0};
  const uint32_t last = file->size - 4, at = tinyi_field(file, table, id, 4);
  if (at == 0) {
    return vector;
  }
  const uint32_t offset = tinyi_word(file, at), begin = at + offset;
  if (TINYI_RARE(offset > last - at || (begin & 3) != 0)) {
    tinyi_damaged(file);
    return vector;
  }
  const uint32_t count = tinyi_word(file, begin);
  if (TINYI_RARE(count > (last - begin) >> log2_bytes)) {
    tinyi_damaged(file);
    return vector;
  }
  vector.at = begin + 4;
  vector.count = count;
  return vector;
}

/* Table `index` of a vector of tables. */
static inline struct tinyi_table tinyi_element(struct tinyi_file *file, const struct tinyi_vector *vector,
                                               uint32_t index) {
  if (TINYI_RARE(index >= vector->count)) {
    const struct tinyi_table absent = {0, 0, 0, 0};
    tinyi_damaged(file);
    return absent;
  }
  return tinyi_follow(file, vector->at + 4 * index);
}

#endif
