/* Custom operators: see tinyi/custom.h. Flexbuffers: google.github.io/flatbuffers/internals, "FlexBuffers". */
#include "tinyi/custom.h"

#include <string.h>

/* Fields of TFLite's schema: Operator, OperatorCode; the number of CUSTOM among operators. */
enum { OPERATOR_OPCODE_INDEX = 0, OPERATOR_CUSTOM_OPTIONS = 5 };
enum { CODE_DEPRECATED = 0, CODE_CUSTOM = 1, CODE_BUILTIN = 3, CUSTOM = 32 };

/* Types in a flexbuffer, and the most options of an operator. */
enum { FLEX_INT = 1, FLEX_UINT = 2, FLEX_INDIRECT_INT = 6, FLEX_INDIRECT_UINT = 7, FLEX_MAP = 9, FLEX_BOOL = 26 };
enum { MAX_OPTIONS = 64 };

/* The number of `width` bytes at a place; larger ones than 64 bits aren't there. */
static uint64_t flex_number(struct tinyi_file *file, const struct tinyi_vector *flex, uint32_t at, uint32_t width) {
  uint64_t value = 0;
  if (at > flex->count || width > flex->count - at || width > 8) {
    tinyi_damaged(file);
    return 0;
  }
  for (uint32_t i = width; i > 0; --i) {
    value = value << 8 | file->data[flex->at + at + i - 1];
  }
  return value;
}

/* What the offset at a place points to, before it. */
static uint32_t flex_follow(struct tinyi_file *file, const struct tinyi_vector *flex, uint32_t at, uint32_t width) {
  const uint64_t offset = flex_number(file, flex, at, width);
  if (offset > at) {
    tinyi_damaged(file);
    return 0;
  }
  return at - (uint32_t)offset;
}

/* Whether bytes are a text; `ends`: whether they begin with it and the zero behind it. */
static int32_t is_text(const uint8_t *data, uint32_t bytes, const char *text, uint32_t ends) {
  for (uint32_t i = 0; i < bytes; ++i) {
    if (text[i] == 0 || data[i] != (uint8_t)text[i]) {
      return ends && text[i] == 0 && data[i] == 0;
    }
  }
  return !ends && text[bytes] == 0;
}

struct flex_map {
  struct tinyi_vector flex;
  uint32_t at, width, count; /* of its values; types are behind them */
  uint32_t keys, keys_width;
};

static struct flex_map read_map(struct tinyi_file *file, const struct tinyi_vector *flex) {
  struct flex_map map = {*flex, 0, 0, 0, 0, 0};
  if (flex->count < 3) {
    tinyi_damaged(file);
    return map;
  }
  const uint32_t root_width = (uint32_t)flex_number(file, flex, flex->count - 1, 1);
  const uint32_t type = (uint32_t)flex_number(file, flex, flex->count - 2, 1), width = UINT32_C(1) << (type & 3);
  if (type >> 2 != FLEX_MAP || root_width == 0 || root_width > flex->count - 2) {
    tinyi_damaged(file);
    return map;
  }
  const uint32_t at = flex_follow(file, flex, flex->count - 2 - root_width, root_width);
  if (at < 3 * width) {
    tinyi_damaged(file);
    return map;
  }
  const uint64_t count = flex_number(file, flex, at - width, width);
  map.keys_width = (uint32_t)flex_number(file, flex, at - 2 * width, width);
  map.keys = flex_follow(file, flex, at - 3 * width, width);
  map.at = at;
  map.width = width;
  map.count = count > MAX_OPTIONS ? MAX_OPTIONS : (uint32_t)count;
  tinyi_fail(file, count > MAX_OPTIONS || map.keys_width > 8 ? TINYI_UNSUPPORTED : TINYI_OK);
  return map;
}

static int32_t has_name(struct tinyi_file *file, const struct flex_map *map, uint32_t which, const char *name) {
  const uint32_t at = flex_follow(file, &map->flex, map->keys + which * map->keys_width, map->keys_width);
  if (file->status != TINYI_OK) {
    return 0;
  }
  return is_text(file->data + map->flex.at + at, map->flex.count - at, name, 1);
}

static int32_t value_of(struct tinyi_file *file, const struct flex_map *map, uint32_t which) {
  const uint32_t type = (uint32_t)flex_number(file, &map->flex, map->at + map->count * map->width + which, 1);
  const uint32_t kind = type >> 2, is_indirect = kind == FLEX_INDIRECT_INT || kind == FLEX_INDIRECT_UINT;
  const uint32_t is_signed = kind == FLEX_INT || kind == FLEX_INDIRECT_INT;
  uint32_t at = map->at + which * map->width, width = map->width;
  if (!is_signed && !is_indirect && kind != FLEX_UINT && kind != FLEX_BOOL) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
    return 0;
  }
  if (is_indirect) {
    at = flex_follow(file, &map->flex, at, width);
    width = UINT32_C(1) << (type & 3);
  }
  const uint64_t number = flex_number(file, &map->flex, at, width);
  const uint32_t unused = 64 - 8 * width; /* bits in front */
  if (is_signed) {
    const int64_t value = (int64_t)(number << unused) >> unused;
    tinyi_fail(file, value < INT32_MIN || value > INT32_MAX ? TINYI_UNSUPPORTED : TINYI_OK);
    return (int32_t)value;
  }
  tinyi_fail(file, number > INT32_MAX ? TINYI_UNSUPPORTED : TINYI_OK);
  return (int32_t)(uint32_t)number;
}

int32_t tinyi_option(struct tinyi_context *context, const char *name) {
  struct tinyi_file *file = &context->file;
  const struct tinyi_table node = tinyi_element(file, &context->model->nodes, context->node);
  const struct tinyi_vector flex = tinyi_vector(file, &node, OPERATOR_CUSTOM_OPTIONS, 0);
  const struct flex_map map = read_map(file, &flex);
  for (uint32_t i = 0; i < map.count && file->status == TINYI_OK; ++i) {
    if (has_name(file, &map, i, name)) {
      return value_of(file, &map, i);
    }
  }
  tinyi_fail(file, TINYI_UNSUPPORTED);
  return 0;
}

/* The entry of an operator; NULL where it is none of these. */
static const struct tinyi_custom *find(struct tinyi_context *context, const struct tinyi_table *node) {
  struct tinyi_file *file = &context->file;
  const uint32_t index = (uint32_t)tinyi_int(file, node, OPERATOR_OPCODE_INDEX, 0);
  const struct tinyi_table code = tinyi_element(file, &context->model->codes, index);
  const int32_t narrow = tinyi_byte(file, &code, CODE_DEPRECATED), wide = tinyi_int(file, &code, CODE_BUILTIN, 0);
  const struct tinyi_vector name = tinyi_vector(file, &code, CODE_CUSTOM, 0);
  const struct tinyi_operator *row = context->model->config->operators,
                              *end = row + context->model->config->operator_count;
  while (row != end && row->code != CUSTOM) {
    ++row;
  }
  if (file->status != TINYI_OK || row == end || (wide > narrow ? wide : narrow) != CUSTOM) {
    return NULL;
  }
  for (const struct tinyi_custom *entry = row->kernel; entry->name != NULL; ++entry) {
    if (is_text(file->data + name.at, name.count, entry->name, 0)) {
      return entry;
    }
  }
  return NULL;
}

void tinyi_custom(struct tinyi_context *context) {
  const struct tinyi_table node = tinyi_element(&context->file, &context->model->nodes, context->node);
  const struct tinyi_custom *entry = find(context, &node);
  if (entry == NULL) {
    tinyi_fail(&context->file, TINYI_UNKNOWN_OPERATOR);
    return;
  }
  context->kernel = entry->tables;
  entry->run(context);
}

/* The bytes that operator `context->node` keeps; 0: it keeps none. */
static uint32_t kept_bytes(struct tinyi_context *context) {
  struct tinyi_file *file = &context->file;
  const struct tinyi_table node = tinyi_element(file, &context->model->nodes, context->node);
  const struct tinyi_custom *entry = find(context, &node);
  if (entry == NULL || entry->kept == NULL) {
    return 0;
  }
  context->inputs = tinyi_vector(file, &node, TINYI_OPERATOR_INPUTS, 2);
  context->outputs = tinyi_vector(file, &node, TINYI_OPERATOR_OUTPUTS, 2);
  struct tinyi_lifetime *lifetimes = context->lifetimes;
  context->lifetimes = NULL;
  const uint32_t bytes = entry->kept(context);
  context->lifetimes = lifetimes;
  return file->status == TINYI_OK ? bytes : 0;
}

void tinyi_begin_kept(struct tinyi_context *context) {
  const uint32_t nodes = context->model->nodes.count;
  for (uint32_t i = 0; i < nodes && context->file.status == TINYI_OK; ++i) {
    context->node = i;
    const uint32_t bytes = kept_bytes(context);
    if (bytes != 0 && context->written < context->room) {
      context->lifetimes[context->written].size = bytes;
      context->lifetimes[context->written].first = 0;
      context->lifetimes[context->written].over = TINYI_NONE;
    }
    context->written += bytes != 0;
  }
}

void tinyi_end_kept(struct tinyi_context *context, uint32_t first) {
  const struct tinyi_lifetime *lifetime = context->lifetimes + first;
  for (uint32_t i = 0; i < context->model->nodes.count && context->file.status == TINYI_OK; ++i) {
    context->node = i;
    if (kept_bytes(context) != 0) {
      uint16_t *scratch = tinyi_scratch_of(context->model, i);
      scratch[0] = lifetime->place;
      scratch[1] = (uint16_t)(lifetime->end - lifetime->place);
      ++lifetime;
    }
  }
}

int tinyi_reset_with_custom(const struct tinyi *model) {
  const struct tinyi_file file = {model->config->data, model->config->size, TINYI_OK};
  struct tinyi_context context;
  context.file = file;
  context.model = model;
  context.lifetimes = NULL;
  for (uint32_t i = 0; i < model->nodes.count && context.file.status == TINYI_OK; ++i) {
    context.node = i;
    if (kept_bytes(&context) != 0) {
      const uint16_t *scratch = tinyi_scratch_of(model, i);
      memset(model->config->arena + scratch[0] * model->config->unit, 0, scratch[1] * model->config->unit);
    }
  }
  return context.file.status != TINYI_OK ? context.file.status : tinyi_reset(model);
}
