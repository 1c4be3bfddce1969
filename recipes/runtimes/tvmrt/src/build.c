/* A graph under construction: checks everything that a reader says, and takes memory for it. */
#include "build.h"

#include <string.h>

static uint32_t aligned(uint32_t size, uint32_t alignment) { return (size + alignment - 1) / alignment * alignment; }

/* The next `size` bytes of pool, or 0. */
static void *take(tvmrt_build_t *build, size_t size) {
  if (size > build->memory->pool_size - build->used) {
    return 0;
  }
  void *const place = build->memory->pool + build->used;
  build->used += (uint32_t)size;
  return place;
}

void tvmrt_begin(tvmrt_build_t *build, tvmrt_graph_t *graph, const tvmrt_tables_t *tables,
                 const tvmrt_memory_t *memory) {
  memset(build, 0, sizeof *build);
  memset(graph, 0, sizeof *graph);
  build->graph = graph;
  build->tables = tables;
  build->memory = memory;
  build->rows = (uint16_t *)(void *)memory->arena;
}

int tvmrt_add_row(tvmrt_build_t *build, uint32_t first_tensor) {
  const uint32_t previous = build->rows_length ? build->rows[build->rows_length - 1] : 0;
  /* every node gives a tensor */
  if (build->rows_length ? first_tensor <= previous || first_tensor > UINT16_MAX : first_tensor != 0) {
    return TVMRT_BAD_GRAPH;
  }
  if ((build->rows_length + 1) * sizeof *build->rows > build->memory->arena_size) {
    return TVMRT_NO_MEMORY;
  }
  build->rows[build->rows_length++] = (uint16_t)first_tensor;
  return TVMRT_OK;
}

int tvmrt_end_rows(tvmrt_build_t *build) {
  if (build->rows_length < 2) {
    return TVMRT_BAD_GRAPH;
  }
  tvmrt_graph_t *const graph = build->graph;
  graph->tensor_count = build->rows[build->rows_length - 1];
  const size_t size = graph->tensor_count * sizeof *graph->tensors;
  graph->tensors = take(build, size);
  if (graph->tensors == 0) {
    return TVMRT_NO_MEMORY;
  }
  memset(graph->tensors, 0, size);
  graph->shapes = (int32_t *)(void *)(build->memory->pool + build->used);
  return TVMRT_OK;
}

int tvmrt_add_dimension(tvmrt_build_t *build, uint32_t tensor, uint32_t extent) {
  if (tensor >= build->graph->tensor_count || extent == 0 || extent > INT32_MAX) {
    return TVMRT_BAD_GRAPH;
  }
  tvmrt_tensor_t *const one = &build->graph->tensors[tensor];
  if (one->dimensions == TVMRT_MAX_DIMENSIONS) {
    return TVMRT_UNSUPPORTED;
  }
  int32_t *const place = take(build, sizeof *place);
  if (place == 0 || build->shape_length > UINT16_MAX) {
    return TVMRT_NO_MEMORY;
  }
  if (one->dimensions == 0) {
    one->shape = (uint16_t)build->shape_length;
  }
  ++one->dimensions;
  ++build->shape_length;
  *place = (int32_t)extent;
  return TVMRT_OK;
}

int tvmrt_end_tensors(tvmrt_build_t *build) {
  tvmrt_graph_t *const graph = build->graph;
  for (uint32_t i = 0; i < graph->tensor_count; ++i) {
    const tvmrt_tensor_t *const tensor = &graph->tensors[i];
    if (tvmrt_size_of(graph, tensor) == UINT32_MAX || tensor->storage >= graph->tensor_count) {
      return TVMRT_BAD_GRAPH;
    }
  }
  const uint32_t end = aligned(build->used, sizeof(void *));
  if (end > build->memory->pool_size) {
    return TVMRT_NO_MEMORY;
  }
  build->used = end;
  graph->calls = (tvmrt_call_t *)(void *)(build->memory->pool + end);
  return TVMRT_OK;
}

uint32_t tvmrt_size_of(const tvmrt_graph_t *graph, const tvmrt_tensor_t *tensor) {
  if (tensor->bits == 0) {
    return UINT32_MAX;
  }
  uint64_t size = tensor->bits / 8u;
  for (uint32_t i = 0; i < tensor->dimensions; ++i) {
    size *= (uint32_t)graph->shapes[tensor->shape + i];
    if (size >= UINT32_MAX) {
      return UINT32_MAX;
    }
  }
  return (uint32_t)size;
}

uint32_t tvmrt_tensor_of(const tvmrt_build_t *build, uint32_t node, uint32_t which) {
  if (node + 1u >= build->rows_length || node >= build->node) {
    return UINT32_MAX;
  }
  const uint32_t first = build->rows[node], end = build->rows[node + 1];
  return which < end - first ? first + which : UINT32_MAX;
}

/* The number of tensors that the next node gives, or 0 if there is no such node. */
static uint32_t given(const tvmrt_build_t *build) {
  return build->node + 1u < build->rows_length ? (uint32_t)build->rows[build->node + 1] - build->rows[build->node] : 0;
}

int tvmrt_add_input(tvmrt_build_t *build) {
  if (given(build) != 1) {
    return TVMRT_BAD_GRAPH;
  }
  build->graph->tensors[build->rows[build->node++]].kind = TVMRT_INPUT;
  return TVMRT_OK;
}

int tvmrt_add_parameter(tvmrt_build_t *build, uint32_t parameter) {
  if (given(build) != 1) {
    return TVMRT_BAD_GRAPH;
  }
  if (parameter >= build->tables->parameter_count) {
    return TVMRT_UNKNOWN_PARAMETER;
  }
  const tvmrt_parameter_t *const found = &build->tables->parameters[parameter];
  tvmrt_tensor_t *const tensor = &build->graph->tensors[build->rows[build->node++]];
  if (tvmrt_size_of(build->graph, tensor) != found->size) {
    return TVMRT_BAD_ARGUMENT;
  }
  tensor->kind = TVMRT_PARAMETER;
  tensor->data = (void *)(uintptr_t)found->data; /* no function writes what is not a result of its own */
  ++build->bound;
  return TVMRT_OK;
}

int tvmrt_begin_call(tvmrt_build_t *build, uint32_t function) {
  if (function >= build->tables->function_count) {
    return TVMRT_UNKNOWN_FUNCTION;
  }
  build->function = &build->tables->functions[function];
  if (given(build) == 0) {
    return TVMRT_BAD_GRAPH;
  }
  if (given(build) != build->function->outputs || build->function->arguments > TVMRT_MAX_ARGUMENTS) {
    return TVMRT_BAD_ARGUMENT;
  }
  build->call = take(build, TVMRT_CALL_SIZE(build->function->arguments));
  if (build->call == 0) {
    return TVMRT_NO_MEMORY;
  }
  build->call->call = build->function->call;
  build->call->count = 0;
  return TVMRT_OK;
}

/* One more argument of the call, which must be large enough. */
static int add(tvmrt_build_t *build, uint32_t tensor) {
  tvmrt_call_t *const call = build->call;
  if (call->count >= build->function->arguments ||
      tvmrt_size_of(build->graph, &build->graph->tensors[tensor]) < build->function->sizes[call->count]) {
    return TVMRT_BAD_ARGUMENT;
  }
  call->tensors[call->count++] = (uint16_t)tensor;
  return TVMRT_OK;
}

int tvmrt_add_argument(tvmrt_build_t *build, uint32_t node, uint32_t which) {
  const uint32_t tensor = tvmrt_tensor_of(build, node, which);
  return tensor == UINT32_MAX ? TVMRT_BAD_GRAPH : add(build, tensor);
}

int tvmrt_end_call(tvmrt_build_t *build) {
  const uint32_t first = build->rows[build->node], end = build->rows[build->node + 1];
  if (build->call->count + build->function->outputs != build->function->arguments) {
    return TVMRT_BAD_ARGUMENT;
  }
  for (uint32_t tensor = first; tensor < end; ++tensor) {
    const int code = add(build, tensor);
    if (code != TVMRT_OK) {
      return code;
    }
    build->graph->tensors[tensor].kind = TVMRT_RESULT;
  }
  ++build->node;
  ++build->graph->call_count;
  return TVMRT_OK;
}

int tvmrt_add_output(tvmrt_build_t *build, uint32_t node, uint32_t which) {
  ++build->heads;
  return tvmrt_tensor_of(build, node, which) == UINT32_MAX ? TVMRT_BAD_GRAPH : TVMRT_OK;
}

/* Bytes that a storage needs: those of its largest tensor; parameters lie in flash. */
static uint32_t storage_size(const tvmrt_graph_t *graph, uint32_t storage) {
  uint32_t size = 0;
  for (uint32_t i = 0; i < graph->tensor_count; ++i) {
    const tvmrt_tensor_t *const tensor = &graph->tensors[i];
    if (tensor->storage == storage && tensor->kind != TVMRT_PARAMETER) {
      const uint32_t own = tvmrt_size_of(graph, tensor);
      size = own > size ? own : size;
    }
  }
  return size;
}

/* Storages by their numbers, one behind the other. */
static int place_storages(tvmrt_build_t *build) {
  tvmrt_graph_t *const graph = build->graph;
  uint32_t count = 0, used = 0;
  for (uint32_t i = 0; i < graph->tensor_count; ++i) {
    if (graph->tensors[i].kind != TVMRT_PARAMETER && graph->tensors[i].storage >= count) {
      count = graph->tensors[i].storage + 1u;
    }
  }
  for (uint32_t storage = 0; storage < count; ++storage) {
    const uint32_t size = storage_size(graph, storage);
    if (size > build->memory->arena_size - used) {
      return TVMRT_NO_MEMORY;
    }
    for (uint32_t i = 0; i < graph->tensor_count; ++i) {
      if (graph->tensors[i].storage == storage && graph->tensors[i].kind != TVMRT_PARAMETER) {
        graph->tensors[i].data = build->memory->arena + used;
      }
    }
    const uint32_t left = build->memory->arena_size - used;
    const uint32_t whole = aligned(size, TVMRT_ALIGNMENT);
    used += whole < left ? whole : left;
  }
  return TVMRT_OK;
}

int tvmrt_end(tvmrt_build_t *build) {
  if (build->node + 1u != build->rows_length || build->heads == 0) {
    return TVMRT_BAD_GRAPH;
  }
  if (build->bound != build->tables->parameter_count) {
    return TVMRT_UNKNOWN_PARAMETER;
  }
  return place_storages(build);
}
