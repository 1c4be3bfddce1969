/* The compact form of a graph: "TVMG", a version, the tables' digest, then numbers of 7 bits a byte, lowest first.

     magic "TVMG", version 1 (one byte), digest (4 bytes, little-endian)
     nodes; for each node: how many tensors it gives
     for each tensor: storage, type code, bits, dimensions, the dimensions
     for each node: 0 for an input, 1 + 2 i for parameter i of the table, 2 + 2 i for a call of function i, its inputs
       counted, and each as how many nodes before this one it was given, and which of that node's tensors it is
     outputs, and for each its node and which of its tensors it is */
#include "build.h"

#include <string.h>

static const uint8_t magic[] = {'T', 'V', 'M', 'G', 1};

typedef struct {
  const uint8_t *at;
  const uint8_t *end;
  int is_bad; /* cut off, or a number of more than 32 bits */
} reader_t;

static uint32_t read_number(reader_t *reader) {
  uint32_t number = 0;
  for (uint32_t shift = 0; shift < 32; shift += 7) {
    if (reader->at == reader->end) {
      break;
    }
    const uint32_t byte = *reader->at++;
    if (shift == 28 && byte > 15) {
      break;
    }
    number |= (byte & 0x7F) << shift;
    if (byte < 0x80) {
      return number;
    }
  }
  reader->is_bad = 1;
  return 0;
}

static int read_header(reader_t *reader, const tvmrt_tables_t *tables) {
  if ((size_t)(reader->end - reader->at) < sizeof magic + 4 || memcmp(reader->at, magic, sizeof magic) != 0) {
    return TVMRT_BAD_SYNTAX;
  }
  reader->at += sizeof magic;
  uint32_t digest = 0;
  for (uint32_t shift = 0; shift < 32; shift += 8) {
    digest |= (uint32_t)*reader->at++ << shift;
  }
  return digest == tables->digest ? TVMRT_OK : TVMRT_BAD_GRAPH;
}

/* A count of more numbers than bytes are left ends at the first one that is missing. */
static int read_rows(reader_t *reader, tvmrt_build_t *build, uint32_t nodes) {
  uint32_t row = 0;
  int code = tvmrt_add_row(build, row);
  for (uint32_t node = 0; code == TVMRT_OK && node < nodes; ++node) {
    const uint32_t tensors = read_number(reader);
    if (reader->is_bad) {
      return TVMRT_BAD_SYNTAX;
    }
    row += tensors; /* a sum that wraps is no more than the row before */
    code = tvmrt_add_row(build, row);
  }
  return code == TVMRT_OK ? tvmrt_end_rows(build) : code;
}

static int read_tensor(reader_t *reader, tvmrt_build_t *build, uint32_t index) {
  tvmrt_tensor_t *const tensor = &build->graph->tensors[index];
  const uint32_t storage = read_number(reader), type = read_number(reader), bits = read_number(reader);
  const uint32_t dimensions = read_number(reader);
  if (reader->is_bad) {
    return TVMRT_BAD_SYNTAX;
  }
  if (storage > UINT16_MAX) {
    return TVMRT_BAD_GRAPH;
  }
  if (type > 6 || (bits != 8 && bits != 16 && bits != 32 && bits != 64)) {
    return TVMRT_UNSUPPORTED;
  }
  tensor->storage = (uint16_t)storage;
  tensor->code = (uint8_t)type;
  tensor->bits = (uint8_t)bits;
  for (uint32_t i = 0; i < dimensions; ++i) {
    const uint32_t extent = read_number(reader);
    const int code = reader->is_bad ? TVMRT_BAD_SYNTAX : tvmrt_add_dimension(build, index, extent);
    if (code != TVMRT_OK) {
      return code;
    }
  }
  return TVMRT_OK;
}

static int read_call(reader_t *reader, tvmrt_build_t *build, uint32_t function) {
  int code = tvmrt_begin_call(build, function);
  const uint32_t inputs = read_number(reader);
  for (uint32_t i = 0; code == TVMRT_OK && i < inputs; ++i) {
    const uint32_t distance = read_number(reader), which = read_number(reader);
    code = reader->is_bad ? TVMRT_BAD_SYNTAX : tvmrt_add_argument(build, build->node - distance, which);
  }
  if (code == TVMRT_OK && reader->is_bad) {
    return TVMRT_BAD_SYNTAX;
  }
  return code == TVMRT_OK ? tvmrt_end_call(build) : code;
}

static int read_node(reader_t *reader, tvmrt_build_t *build) {
  const uint32_t kind = read_number(reader);
  if (reader->is_bad) {
    return TVMRT_BAD_SYNTAX;
  }
  if (kind == 0) {
    return tvmrt_add_input(build);
  }
  return kind % 2 ? tvmrt_add_parameter(build, kind / 2) : read_call(reader, build, kind / 2 - 1);
}

static int read_outputs(reader_t *reader, tvmrt_build_t *build) {
  const uint32_t outputs = read_number(reader);
  for (uint32_t i = 0; i < outputs && !reader->is_bad; ++i) {
    const uint32_t node = read_number(reader), which = read_number(reader);
    const int code = reader->is_bad ? TVMRT_BAD_SYNTAX : tvmrt_add_output(build, node, which);
    if (code != TVMRT_OK) {
      return code;
    }
  }
  return reader->is_bad || reader->at != reader->end ? TVMRT_BAD_SYNTAX : tvmrt_end(build);
}

int tvmrt_open_binary(tvmrt_graph_t *opened, const tvmrt_tables_t *tables, const tvmrt_memory_t *memory,
                      const uint8_t *graph, size_t size) {
  reader_t reader = {graph, graph + size, 0};
  tvmrt_build_t build;
  tvmrt_begin(&build, opened, tables, memory);
  int code = read_header(&reader, tables);
  if (code != TVMRT_OK) {
    return code;
  }
  const uint32_t nodes = read_number(&reader);
  code = reader.is_bad ? TVMRT_BAD_SYNTAX : read_rows(&reader, &build, nodes);
  for (uint32_t i = 0; code == TVMRT_OK && i < opened->tensor_count; ++i) {
    code = read_tensor(&reader, &build, i);
  }
  if (code == TVMRT_OK) {
    code = tvmrt_end_tensors(&build);
  }
  for (uint32_t i = 0; code == TVMRT_OK && i < nodes; ++i) {
    code = read_node(&reader, &build);
  }
  return code == TVMRT_OK ? read_outputs(&reader, &build) : code;
}
