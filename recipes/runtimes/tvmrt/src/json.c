/* The JSON form of a graph, as TVM's graph executor reads it.

   One walk finds the parts and checks the syntax of everything; then each part is read in the order that building wants.
   Other keys than those below are passed over. */
#include "build.h"
#include "text.h"

enum { NODES, ARG_NODES, HEADS, ATTRS, NODE_ROW_PTR, PARTS };
enum { OP, NAME, INPUTS, NODE_ATTRS, NODE_PARTS };
enum { LISTS = 3 };

static const char *const part_names[PARTS] = {"nodes", "arg_nodes", "heads", "attrs", "node_row_ptr"};
static const char *const node_part_names[NODE_PARTS] = {"op", "name", "inputs", "attrs"};

/* Note where the value that comes next lies, and go behind it. BAD_GRAPH if that was noted before. */
static int note(text_t *text, text_t *place) {
  const char *const start = text->at;
  if (!text_skip(text)) {
    return TVMRT_BAD_SYNTAX;
  }
  if (place->at != 0) {
    return TVMRT_BAD_GRAPH;
  }
  place->at = start;
  place->end = text->at;
  return TVMRT_OK;
}

/* Find the values of some keys of an object; all must be there. */
static int find(text_t *text, const char *const *names, text_t *places, uint32_t count) {
  word_t key;
  int more, found_code = TVMRT_OK;
  uint32_t found = 0;
  if (!text_symbol(text, '{')) {
    return TVMRT_BAD_SYNTAX;
  }
  for (uint32_t i = 0; (more = text_next_key(text, i, &key)) > 0; ++i) {
    uint32_t part = 0;
    while (part < count && !word_equals(key, names[part])) {
      ++part;
    }
    if (part == count) {
      if (!text_skip(text)) {
        return TVMRT_BAD_SYNTAX;
      }
      continue;
    }
    const int code = note(text, &places[part]);
    if (code == TVMRT_BAD_SYNTAX) {
      return code;
    }
    found_code = code != TVMRT_OK ? code : found_code;
    ++found;
  }
  if (more < 0) {
    return TVMRT_BAD_SYNTAX;
  }
  return found == count ? found_code : TVMRT_BAD_GRAPH;
}

static int read_rows(text_t text, tvmrt_build_t *build) {
  int more;
  if (!text_symbol(&text, '[')) {
    return TVMRT_BAD_GRAPH;
  }
  for (uint32_t i = 0; (more = text_next_element(&text, i)) > 0; ++i) {
    uint32_t row;
    if (!text_number(&text, &row)) {
      return TVMRT_BAD_GRAPH;
    }
    const int code = tvmrt_add_row(build, row);
    if (code != TVMRT_OK) {
      return code;
    }
  }
  return more == 0 ? tvmrt_end_rows(build) : TVMRT_BAD_GRAPH;
}

typedef int (*read_element_t)(text_t *text, tvmrt_build_t *build, uint32_t index);

/* Read `["type", [one value for each tensor]]`. */
static int read_list(text_t text, tvmrt_build_t *build, const char *type, read_element_t read_element) {
  word_t word;
  uint32_t count = 0;
  int more;
  if (!text_symbol(&text, '[') || !text_word(&text, &word) || !word_equals(word, type) || !text_symbol(&text, ',') ||
      !text_symbol(&text, '[')) {
    return TVMRT_BAD_GRAPH;
  }
  for (; (more = text_next_element(&text, count)) > 0; ++count) {
    const int code = count < build->graph->tensor_count ? read_element(&text, build, count) : TVMRT_BAD_GRAPH;
    if (code != TVMRT_OK) {
      return code;
    }
  }
  return more == 0 && count == build->graph->tensor_count && text_symbol(&text, ']') ? TVMRT_OK : TVMRT_BAD_GRAPH;
}

static int read_storage(text_t *text, tvmrt_build_t *build, uint32_t index) {
  uint32_t storage;
  if (!text_number(text, &storage) || storage > UINT16_MAX) {
    return TVMRT_BAD_GRAPH;
  }
  build->graph->tensors[index].storage = (uint16_t)storage;
  return TVMRT_OK;
}

static int read_type(text_t *text, tvmrt_build_t *build, uint32_t index) {
  static const struct {
    char name[8];
    uint8_t code;
    uint8_t bits;
  } types[] = {{"int8", 0, 8},   {"uint8", 1, 8},    {"int16", 0, 16}, {"int32", 0, 32},
               {"int64", 0, 64}, {"float32", 2, 32}, {"bool", 6, 8}};
  word_t word;
  if (!text_word(text, &word)) {
    return TVMRT_BAD_GRAPH;
  }
  for (uint32_t i = 0; i < sizeof types / sizeof *types; ++i) {
    if (word_equals(word, types[i].name)) {
      build->graph->tensors[index].code = types[i].code;
      build->graph->tensors[index].bits = types[i].bits;
      return TVMRT_OK;
    }
  }
  return TVMRT_UNSUPPORTED;
}

static int read_shape(text_t *text, tvmrt_build_t *build, uint32_t index) {
  int more;
  if (!text_symbol(text, '[')) {
    return TVMRT_BAD_GRAPH;
  }
  for (uint32_t i = 0; (more = text_next_element(text, i)) > 0; ++i) {
    uint32_t extent;
    const int code = text_number(text, &extent) ? tvmrt_add_dimension(build, index, extent) : TVMRT_BAD_GRAPH;
    if (code != TVMRT_OK) {
      return code;
    }
  }
  return more == 0 ? TVMRT_OK : TVMRT_BAD_GRAPH;
}

static int read_tensors(text_t text, tvmrt_build_t *build) {
  static const char *const names[LISTS] = {"storage_id", "dltype", "shape"};
  static const char *const types[LISTS] = {"list_int", "list_str", "list_shape"};
  static const read_element_t readers[LISTS] = {read_storage, read_type, read_shape};
  text_t lists[LISTS] = {{0, 0}, {0, 0}, {0, 0}};
  int code = find(&text, names, lists, LISTS);
  for (uint32_t i = 0; code == TVMRT_OK && i < LISTS; ++i) {
    code = read_list(lists[i], build, types[i], readers[i]);
  }
  return code == TVMRT_OK ? tvmrt_end_tensors(build) : code == TVMRT_BAD_SYNTAX ? TVMRT_BAD_GRAPH : code;
}

/* Read `[node, which of its tensors, version]`; the version may be missing. */
static int read_place(text_t *text, uint32_t *node, uint32_t *which) {
  uint32_t version;
  if (!text_symbol(text, '[') || !text_number(text, node) || !text_symbol(text, ',') || !text_number(text, which)) {
    return TVMRT_BAD_GRAPH;
  }
  if (text_symbol(text, ',') && !text_number(text, &version)) {
    return TVMRT_BAD_GRAPH;
  }
  return text_symbol(text, ']') ? TVMRT_OK : TVMRT_BAD_GRAPH;
}

typedef int (*add_place_t)(tvmrt_build_t *build, uint32_t node, uint32_t which);

static int read_places(text_t text, tvmrt_build_t *build, add_place_t add) {
  int more;
  if (!text_symbol(&text, '[')) {
    return TVMRT_BAD_GRAPH;
  }
  for (uint32_t i = 0; (more = text_next_element(&text, i)) > 0; ++i) {
    uint32_t node, which;
    int code = read_place(&text, &node, &which);
    code = code == TVMRT_OK ? add(build, node, which) : code;
    if (code != TVMRT_OK) {
      return code;
    }
  }
  return more == 0 ? TVMRT_OK : TVMRT_BAD_GRAPH;
}

/* Order of a word and a string, as strcmp has it. */
static int compare(word_t word, const char *other) {
  for (size_t i = 0; i < word.length; ++i) {
    const unsigned char one = (unsigned char)word.at[i], two = (unsigned char)other[i];
    if (one != two) {
      return one < two ? -1 : 1;
    }
    if (two == 0) {
      return 1;
    }
  }
  return other[word.length] == 0 ? 0 : -1;
}

/* The place of a name in a sorted table of elements that begin with a pointer to their name, or `count`. */
static uint32_t look_up(word_t word, const void *table, size_t element_size, uint32_t count) {
  uint32_t low = 0, high = count;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    const char *const name = *(const char *const *)(const void *)((const uint8_t *)table + middle * element_size);
    const int order = compare(word, name);
    if (order == 0) {
      return middle;
    }
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return count;
}

static int read_call(text_t attrs, text_t inputs, tvmrt_build_t *build) {
  static const char *const names[1] = {"func_name"};
  text_t place[1] = {{0, 0}};
  word_t word;
  int code = find(&attrs, names, place, 1);
  if (code != TVMRT_OK || !text_word(&place[0], &word)) {
    return TVMRT_BAD_GRAPH;
  }
  const tvmrt_tables_t *const tables = build->tables;
  code = tvmrt_begin_call(build,
                          look_up(word, tables->functions, sizeof *tables->functions, tables->function_count));
  code = code == TVMRT_OK ? read_places(inputs, build, tvmrt_add_argument) : code;
  return code == TVMRT_OK ? tvmrt_end_call(build) : code;
}

static int read_node(text_t *text, tvmrt_build_t *build) {
  text_t parts[NODE_PARTS] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
  word_t kind, name;
  const int code = find(text, node_part_names, parts, NODE_PARTS);
  /* an input has no attrs: that this one is missing may be right */
  if ((code != TVMRT_OK && parts[NODE_ATTRS].at != 0) || parts[OP].at == 0 || parts[NAME].at == 0 ||
      parts[INPUTS].at == 0 || !text_word(&parts[OP], &kind) || !text_word(&parts[NAME], &name)) {
    return TVMRT_BAD_GRAPH;
  }
  if (word_equals(kind, "tvm_op")) {
    return code == TVMRT_OK ? read_call(parts[NODE_ATTRS], parts[INPUTS], build) : TVMRT_BAD_GRAPH;
  }
  if (!word_equals(kind, "null")) {
    return TVMRT_UNSUPPORTED;
  }
  const tvmrt_tables_t *const tables = build->tables;
  const uint32_t parameter = look_up(name, tables->parameters, sizeof *tables->parameters, tables->parameter_count);
  return parameter < tables->parameter_count ? tvmrt_add_parameter(build, parameter) : tvmrt_add_input(build);
}

static int read_nodes(text_t text, tvmrt_build_t *build) {
  int more;
  if (!text_symbol(&text, '[')) {
    return TVMRT_BAD_GRAPH;
  }
  for (uint32_t i = 0; (more = text_next_element(&text, i)) > 0; ++i) {
    const int code = read_node(&text, build);
    if (code != TVMRT_OK) {
      return code;
    }
  }
  return more == 0 ? TVMRT_OK : TVMRT_BAD_GRAPH;
}

/* `arg_nodes` must be the nodes that compute nothing, as many as there are. */
static int check_arg_nodes(text_t text, const tvmrt_build_t *build) {
  uint32_t count = 0;
  int more;
  if (!text_symbol(&text, '[')) {
    return TVMRT_BAD_GRAPH;
  }
  for (; (more = text_next_element(&text, count)) > 0; ++count) {
    uint32_t node;
    const uint32_t tensor = text_number(&text, &node) ? tvmrt_tensor_of(build, node, 0) : UINT32_MAX;
    if (tensor == UINT32_MAX || build->graph->tensors[tensor].kind == TVMRT_RESULT) {
      return TVMRT_BAD_GRAPH;
    }
  }
  return more == 0 && count == build->node - build->graph->call_count ? TVMRT_OK : TVMRT_BAD_GRAPH;
}

int tvmrt_open_json(tvmrt_graph_t *opened, const tvmrt_tables_t *tables, const tvmrt_memory_t *memory,
                    const char *graph, size_t size) {
  text_t text = {graph, graph + size};
  text_t parts[PARTS] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}};
  tvmrt_build_t build;
  tvmrt_begin(&build, opened, tables, memory);
  int code = find(&text, part_names, parts, PARTS);
  if (code == TVMRT_OK && !text_is_at_end(&text)) {
    return TVMRT_BAD_SYNTAX;
  }
  code = code == TVMRT_OK ? read_rows(parts[NODE_ROW_PTR], &build) : code;
  code = code == TVMRT_OK ? read_tensors(parts[ATTRS], &build) : code;
  code = code == TVMRT_OK ? read_nodes(parts[NODES], &build) : code;
  code = code == TVMRT_OK ? check_arg_nodes(parts[ARG_NODES], &build) : code;
  code = code == TVMRT_OK ? read_places(parts[HEADS], &build, tvmrt_add_output) : code;
  return code == TVMRT_OK ? tvmrt_end(&build) : code;
}
