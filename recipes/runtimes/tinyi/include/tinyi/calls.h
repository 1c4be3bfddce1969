/* IF and WHILE: subgraphs, each with tables and a plan of its own, made once in set-up, callees first. What a subgraph
 * computes lies in an arena of its own, which is its caller's scratch; its tables lie at the end of the model's. */
#ifndef TINYI_CALLS_H
#define TINYI_CALLS_H

#include "tinyi/context.h"

/* Of the file's graphs, and of those that call each other; what an operator of a subgraph takes at least. */
enum { TINYI_MAX_GRAPHS = 1 << 8, TINYI_MAX_DEPTH = 16, TINYI_LEAST_WORK = 4 };

/* A graph, by its number from the arena's end on; the first is the network itself. */
struct tinyi_part {
  uint32_t units;  /* of its arena */
  uint32_t places; /* bytes from its table of places to the arena's end */
  uint32_t work;   /* TINYI_WORK_UNITs of a call, without those that it calls; of the network: so far in an inference */
  uint16_t node;   /* set-up: its first operator that wasn't looked at */
  uint16_t caller; /* set-up: the number of the graph that needed it first */
  uint8_t depth;   /* of the calls in it */
  uint8_t state;   /* 0: nobody needs it so far */
};

/* Set-up: bytes for all of them; refuses too many. */
uint32_t tinyi_parts_bytes(struct tinyi_file *file);
void tinyi_begin_parts(struct tinyi_context *context);

/* Set-up: from a graph on, the next one all of whose callees are set up; 0: the network itself. Refuses graphs that
 * call themselves. */
uint32_t tinyi_next_part(struct tinyi_context *context, uint32_t number);

/* Set-up: the current graph is set up. The number of the graph that needed it. */
uint32_t tinyi_end_part(struct tinyi_context *context, uint32_t number, uint32_t units);

#endif
