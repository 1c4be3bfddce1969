/* A graph under construction: the readers say what they find, in this order: rows, tensors, nodes, outputs, end.

   Every function returns a code of tvmrt.h; after one that is not TVMRT_OK nothing more may be said. */
#ifndef TVMRT_BUILD_H
#define TVMRT_BUILD_H

#include "tvmrt.h"

typedef struct {
  tvmrt_graph_t *graph;
  const tvmrt_tables_t *tables;
  const tvmrt_memory_t *memory;
  uint32_t used;         /* bytes of pool */
  uint16_t *rows;        /* the number of each node's first tensor, and of all tensors; in the arena */
  uint32_t rows_length;  /* as many as said so far */
  uint32_t shape_length; /* dimensions said so far */
  uint32_t node;         /* the next one */
  uint32_t bound;        /* parameters that have a node */
  tvmrt_call_t *call;    /* the one that inputs are being said of */
  const tvmrt_function_t *function;
  uint32_t heads;
} tvmrt_build_t;

/* What tensors are: not given by a node yet, an input, a parameter, given by a call. */
enum { TVMRT_UNSEEN, TVMRT_INPUT, TVMRT_PARAMETER, TVMRT_RESULT };

void tvmrt_begin(tvmrt_build_t *build, tvmrt_graph_t *graph, const tvmrt_tables_t *tables,
                 const tvmrt_memory_t *memory);

int tvmrt_add_row(tvmrt_build_t *build, uint32_t first_tensor);
/* All rows are said: room for the tensors. */
int tvmrt_end_rows(tvmrt_build_t *build);

/* Dimensions of one tensor after the other. */
int tvmrt_add_dimension(tvmrt_build_t *build, uint32_t tensor, uint32_t extent);
int tvmrt_end_tensors(tvmrt_build_t *build);

int tvmrt_add_input(tvmrt_build_t *build);
int tvmrt_add_parameter(tvmrt_build_t *build, uint32_t parameter);
int tvmrt_begin_call(tvmrt_build_t *build, uint32_t function);
int tvmrt_add_argument(tvmrt_build_t *build, uint32_t node, uint32_t which);
int tvmrt_end_call(tvmrt_build_t *build);

int tvmrt_add_output(tvmrt_build_t *build, uint32_t node, uint32_t which);
/* Everything is said: give storages their places. */
int tvmrt_end(tvmrt_build_t *build);

/* The tensor that a node gives, if it has said so much and there is one; else not below tensor_count. */
uint32_t tvmrt_tensor_of(const tvmrt_build_t *build, uint32_t node, uint32_t which);
/* The bytes of a tensor, or UINT32_MAX if they are not known or more than that. */
uint32_t tvmrt_size_of(const tvmrt_graph_t *graph, const tvmrt_tensor_t *tensor);

#endif
