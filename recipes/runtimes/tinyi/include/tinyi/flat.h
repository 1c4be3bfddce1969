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
#define TINYI_UNLIKELY(is_met) __builtin_expect(!!(is_met), 0)

/* The functions below are inline: as calls they would mostly pass structs. Those whose names begin with `tinyi_try`
 * return 0 for a damaged file instead of noting it: who calls several of them leaves at the first failure. */

/* The table that the offset at `at` points to; `at` is inside the file. */
static inline int32_t tinyi_try_follow(const struct tinyi_file *file, uint32_t at, struct tinyi_table *table) {
  const uint32_t last = file->size - 4; /* no file is smaller than 8 */
  const uint32_t offset = tinyi_word(file, at);
  /* `at` is no greater than `last` */
  if (TINYI_UNLIKELY(offset > last - at || ((at + offset) & 3) != 0)) {
    return 0;
  }
  at += offset;
  /* a table begins with the signed distance back to its vtable; modulo 2^32 any distance is some position */
  const uint32_t vtable = at - tinyi_word(file, at);
  if (TINYI_UNLIKELY(vtable > last || (vtable & 1) != 0)) {
    return 0;
  }
  const uint32_t bytes = *(const uint16_t *)(const void *)(file->data + vtable);
  if (TINYI_UNLIKELY(bytes > last + 4 - vtable)) { /* with less than 4 there are no fields */
    return 0;
  }
  table->at = at;
  table->vtable = vtable;
  table->vtable_bytes = bytes;
  table->room = last - at;
  return 1;
}

static inline struct tinyi_table tinyi_follow(struct tinyi_file *file, uint32_t at) {
  struct tinyi_table table;
  if (TINYI_UNLIKELY(!tinyi_try_follow(file, at, &table))) {
    const struct tinyi_table absent = {0, 0, 0, 0};
    tinyi_damaged(file);
    return absent;
  }
  return table;
}

/* Where field `id` of a table lies, `bytes` (1, 2, 4) long; 0 where it is absent. */
static inline int32_t tinyi_try_field(const struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                      uint32_t bytes, uint32_t *at) {
  const uint32_t entry = 4 + 2 * id;
  *at = 0;
  if (entry + 2 > table->vtable_bytes) {
    return 1;
  }
  const uint32_t offset = *(const uint16_t *)(const void *)(file->data + table->vtable + entry);
  if (offset == 0) {
    return 1;
  }
  /* a table begins at a multiple of 4 */
  if (TINYI_UNLIKELY(offset > table->room + 4 - bytes || (offset & (bytes - 1)) != 0)) {
    return 0;
  }
  if (table->at + offset == 0) {
    __builtin_unreachable(); /* both are less than 2^31, and `offset` isn't 0: callers need not ask */
  }
  *at = table->at + offset;
  return 1;
}

static inline uint32_t tinyi_field(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                   uint32_t bytes) {
  uint32_t at;
  if (TINYI_UNLIKELY(!tinyi_try_field(file, table, id, bytes, &at))) {
    tinyi_damaged(file);
    return 0;
  }
  return at;
}

/* Integers; absent ones have a default. */
static inline int32_t tinyi_int(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                int32_t fallback) {
  const uint32_t at = tinyi_field(file, table, id, 4);
  return at == 0 ? fallback : (int32_t)tinyi_word(file, at);
}

static inline int32_t tinyi_byte(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id) {
  const uint32_t at = tinyi_field(file, table, id, 1);
  return at == 0 ? 0 : (int8_t)file->data[at];
}

/* The table that a field points to; an absent one has no fields. */
static inline int32_t tinyi_try_child(const struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                      struct tinyi_table *child) {
  const struct tinyi_table absent = {0, 0, 0, 0};
  uint32_t at;
  *child = absent;
  return tinyi_try_field(file, table, id, 4, &at) && (at == 0 || tinyi_try_follow(file, at, child));
}

static inline struct tinyi_table tinyi_child(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id) {
  struct tinyi_table child;
  if (TINYI_UNLIKELY(!tinyi_try_child(file, table, id, &child))) {
    tinyi_damaged(file);
  }
  return child;
}

/* The vector that a field points to, of elements of 2^log2_bytes bytes; none has no elements. */
static inline int32_t tinyi_try_vector(const struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                       uint32_t log2_bytes, struct tinyi_vector *vector) {
  const uint32_t last = file->size - 4;
  uint32_t at;
  vector->at = 0;
  vector->count = 0;
  if (TINYI_UNLIKELY(!tinyi_try_field(file, table, id, 4, &at))) {
    return 0;
  }
  if (at == 0) {
    return 1;
  }
  const uint32_t offset = tinyi_word(file, at), begin = at + offset;
  if (TINYI_UNLIKELY(offset > last - at || (begin & 3) != 0)) {
    return 0;
  }
  const uint32_t count = tinyi_word(file, begin);
  if (TINYI_UNLIKELY(count > (last - begin) >> log2_bytes)) {
    return 0;
  }
  vector->at = begin + 4;
  vector->count = count;
  return 1;
}

static inline struct tinyi_vector tinyi_vector(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                               uint32_t log2_bytes) {
  struct tinyi_vector vector;
  if (TINYI_UNLIKELY(!tinyi_try_vector(file, table, id, log2_bytes, &vector))) {
    const struct tinyi_vector none = {0, 0};
    tinyi_damaged(file);
    return none;
  }
  return vector;
}

/* Table `index` of a vector of tables. */
static inline int32_t tinyi_try_element(const struct tinyi_file *file, const struct tinyi_vector *vector,
                                        uint32_t index, struct tinyi_table *table) {
  return !TINYI_UNLIKELY(index >= vector->count) && tinyi_try_follow(file, vector->at + 4 * index, table);
}

static inline struct tinyi_table tinyi_element(struct tinyi_file *file, const struct tinyi_vector *vector,
                                               uint32_t index) {
  struct tinyi_table table;
  if (TINYI_UNLIKELY(!tinyi_try_element(file, vector, index, &table))) {
    const struct tinyi_table absent = {0, 0, 0, 0};
    tinyi_damaged(file);
    return absent;
  }
  return table;
}

#endif
