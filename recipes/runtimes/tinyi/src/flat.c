/* Reading a FlatBuffer with every access checked: see tinyi/flat.h. */
#include "tinyi/flat.h"

#include "tinyi.h"


struct tinyi_table tinyi_follow(struct tinyi_file *file, uint32_t at) {
  const uint32_t offset = tinyi_word(file, at);
  struct tinyi_table table = {0, 0, 0};
  /* both below 2^31, so that the sum is no smaller than they are */
  if (offset >= file->size || !tinyi_is_inside(file, at + offset, 4, 4)) {
    tinyi_fail(file, TINYI_DAMAGED);
    return table;
  }
  /* a table begins with the signed distance back to its vtable; modulo 2^32 any distance is some position */
  const uint32_t vtable = at + offset - tinyi_word(file, at + offset);
  if (!tinyi_is_inside(file, vtable, 4, 2)) {
    tinyi_fail(file, TINYI_DAMAGED);
    return table;
  }
  const uint32_t bytes = *(const uint16_t *)(const void *)(file->data + vtable);
  if (bytes < 4 || !tinyi_is_inside(file, vtable, bytes, 2)) {
    tinyi_fail(file, TINYI_DAMAGED);
    return table;
  }
  table.at = at + offset;
  table.vtable = vtable;
  table.vtable_bytes = bytes;
  return table;
}

struct tinyi_table tinyi_child(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id) {
  const uint32_t at = tinyi_field(file, table, id, 4);
  if (at == 0) {
    const struct tinyi_table absent = {0, 0, 0};
    return absent;
  }
  return tinyi_follow(file, at);
}

struct tinyi_vector tinyi_vector(struct tinyi_file *file, const struct tinyi_table *table, uint32_t id,
                                 uint32_t log2_bytes) {
  struct tinyi_vector vector = {0, 0};
  const uint32_t at = tinyi_field(file, table, id, 4);
  if (at == 0) {
    return vector;
  }
  const uint32_t begin = at + tinyi_word(file, at);
  if (begin < at || !tinyi_is_inside(file, begin, 4, 4)) {
    tinyi_fail(file, TINYI_DAMAGED);
    return vector;
  }
  const uint32_t count = tinyi_word(file, begin);
  if (count > file->size >> log2_bytes || !tinyi_is_inside(file, begin + 4, count << log2_bytes, 4)) {
    tinyi_fail(file, TINYI_DAMAGED);
    return vector;
  }
  vector.at = begin + 4;
  vector.count = count;
  return vector;
}

struct tinyi_table tinyi_element(struct tinyi_file *file, const struct tinyi_vector *vector, uint32_t index) {
  if (index >= vector->count) {
    const struct tinyi_table absent = {0, 0, 0};
    tinyi_fail(file, TINYI_DAMAGED);
    return absent;
  }
  return tinyi_follow(file, vector->at + 4 * index);
}
