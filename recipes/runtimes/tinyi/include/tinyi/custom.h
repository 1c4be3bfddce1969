/* Custom operators, by name: the table of operators has one row for all, whose `kernel` is their own table.
 *
 * What an operator keeps from one inference to the next is its scratch, which is then nobody else's. */
#ifndef TINYI_CUSTOM_H
#define TINYI_CUSTOM_H

#include "tinyi/context.h"

/* An operator that the model may use; behind the last one stands an entry without a name. */
struct tinyi_custom {
  const char *name;
  void (*run)(struct tinyi_context *context);
  /* Bytes that it keeps, before they are read by anyone; NULL: none. */
  uint32_t (*kept)(struct tinyi_context *context);
  const void *tables; /* numbers that the file hasn't */
};

/* The current operator, by its name. */
void tinyi_custom(struct tinyi_context *context);

/* A number of the current operator's options, which are a flexbuffer; refuses what isn't there or is larger. */
int32_t tinyi_option(struct tinyi_context *context, const char *name);

/* Set-up, behind other state, and when all is placed: what operators keep. `first`: its first lifetime. */
void tinyi_begin_kept(struct tinyi_context *context);
void tinyi_end_kept(struct tinyi_context *context, uint32_t first);

#endif
