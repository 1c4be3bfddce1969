/* A graph executor in the manner of TVM's graph runtime: a graph in flash, interpreted; memory given by the caller.

   Whatever bytes the graph consists of, opening it ends with a code below and touches nothing outside of pool and arena;
   a graph that was opened runs within them: every argument has at least the bytes that its function asks for. */
#ifndef TVMRT_H
#define TVMRT_H

#include <stddef.h>
#include <stdint.h>

/* What opening or running a graph returns. */
enum {
  TVMRT_OK = 0,
  TVMRT_BAD_SYNTAX = 1,        /* no JSON, no binary graph, cut off, or something behind it */
  TVMRT_BAD_GRAPH = 2,         /* a part is missing or there twice, counts differ, a number is out of range */
  TVMRT_UNKNOWN_FUNCTION = 3,  /* a node calls what is not in the table */
  TVMRT_UNKNOWN_PARAMETER = 4, /* a parameter of the table is not a node's, or several nodes' */
  TVMRT_BAD_ARGUMENT = 5,      /* a call's arguments are not as many or not as large as its function asks for */
  TVMRT_UNSUPPORTED = 6,       /* an operator, type or number of dimensions that nothing here is made for */
  TVMRT_NO_MEMORY = 7,         /* the pool or the arena is too small */
  TVMRT_FAILED = 8,            /* a function returned something else than 0 */
};

enum {
  TVMRT_MAX_ARGUMENTS = 8,  /* of one call */
  TVMRT_MAX_DIMENSIONS = 6, /* of one tensor */
  TVMRT_ALIGNMENT = 16,     /* bytes; of storages in the arena */
};

/* TVM's packed convention: an array of arguments, each a tensor. */
typedef int32_t (*tvmrt_packed_t)(void *self, void *arguments, int32_t count, void *result);

typedef struct {
  const char *name;
  tvmrt_packed_t call;
  const uint32_t *sizes; /* the least bytes of each argument; outputs come last */
  uint8_t arguments;
  uint8_t outputs;
} tvmrt_function_t;

typedef struct {
  const char *name;
  const void *data;
  uint32_t size; /* bytes */
} tvmrt_parameter_t;

/* What a graph's names stand for; both lists sorted by name, as strcmp orders. */
typedef struct {
  const tvmrt_function_t *functions;
  const tvmrt_parameter_t *parameters;
  uint16_t function_count;
  uint16_t parameter_count;
  uint32_t digest; /* of all names: a binary graph has indices, and must be made for these lists */
} tvmrt_tables_t;

typedef struct {
  void *data;
  uint16_t shape;   /* index of the first dimension */
  uint16_t storage; /* of the graph; tensors of one storage share their bytes */
  uint8_t dimensions;
  uint8_t code; /* DLDataTypeCode */
  uint8_t bits;
  uint8_t kind;
} tvmrt_tensor_t;

/* One call; `count` indices of tensors follow, the last ones those of its outputs. */
typedef struct {
  tvmrt_packed_t call;
  uint16_t count;
  uint16_t tensors[];
} tvmrt_call_t;

typedef struct {
  tvmrt_tensor_t *tensors;
  int32_t *shapes;
  tvmrt_call_t *calls; /* one behind the other */
  uint16_t call_count;
  uint16_t tensor_count;
} tvmrt_graph_t;

/* Where a graph may keep what it needs while it is used (pool), and its activations (arena, at TVMRT_ALIGNMENT). */
typedef struct {
  uint8_t *pool;
  uint32_t pool_size;
  uint8_t *arena;
  uint32_t arena_size;
} tvmrt_memory_t;

/* The bytes of pool that a graph takes, as a sum over its parts; see TVMRT_CALL_SIZE for one call. */
#define TVMRT_CALL_SIZE(arguments)                                                                \
  ((sizeof(tvmrt_call_t) + (arguments) * sizeof(uint16_t) + sizeof(void *) - 1) / sizeof(void *) * \
   sizeof(void *))
#define TVMRT_POOL_SIZE(tensors, dimensions, calls)                                                              \
  ((tensors) * sizeof(tvmrt_tensor_t) + ((dimensions) * sizeof(int32_t) + sizeof(void *) - 1) / sizeof(void *) * \
                                            sizeof(void *) +                                                     \
   (calls))
/* Numbers of the nodes' first tensors, wanted while a graph is opened: they lie in the arena. */
#define TVMRT_ROWS_SIZE(nodes) (((nodes) + 1) * sizeof(uint16_t))

/* Parse a graph, find its functions and parameters, give its tensors memory. `size` bytes of `graph` are read. */
int tvmrt_open_json(tvmrt_graph_t *opened, const tvmrt_tables_t *tables, const tvmrt_memory_t *memory,
                    const char *graph, size_t size);
int tvmrt_open_binary(tvmrt_graph_t *opened, const tvmrt_tables_t *tables, const tvmrt_memory_t *memory,
                      const uint8_t *graph, size_t size);

/* One inference: all calls in order. */
int tvmrt_run(const tvmrt_graph_t *graph);

#endif
