/* Weights of four bits, as a file packs them. */
#ifndef TINYI_INT4_H
#define TINYI_INT4_H

#include "tinyi/channels.h"

/* `count` of them, from number `first` on. */
void tinyi_unpack_int4(const int8_t *packed, int32_t first, int32_t count, int8_t *to);

/* Some channels, of which the first is `first`, and their weights in `rows`. */
static inline struct tinyi_channels tinyi_unpacked_channels(const struct tinyi_channels *channels, int32_t first,
                                                            int32_t count, int8_t *rows) {
  struct tinyi_channels some = *channels;
  tinyi_unpack_int4(some.rows.weights, first * some.rows.products, count * some.rows.products, rows);
  some.rows.weights = rows;
  some.rows.channels = count;
  some.scales += first * some.scale_step;
  some.bias = some.bias == NULL ? NULL : some.bias + first;
  return some;
}

#endif
