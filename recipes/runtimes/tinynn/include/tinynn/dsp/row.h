/* The inner loop of the dsp variant of DEPTHWISE_CONV_2D with taps in one row, in row.S. */
#ifndef TINYNN_ROW_H
#define TINYNN_ROW_H

#include <stdint.h>

#include "tinynn.h"

/* One channel's outputs, four at a time, by chunks of three pairs of taps; row.S reads the fields in this order. */
struct tinynn_row {
  const void *x; /* pairs of columns (0, 1), (2, 3) … in 16 bits, 16 bytes from one to the next */
  int32_t zero_twice_plus1; /* 2 * output zero point + 1 */
  int32_t back_bytes;       /* from behind the chunks to four outputs later: 48 * chunks - 32 */
  int32_t pitch;            /* bytes from one output to the next */
  int8_t *output;
  int32_t outputs; /* ≥ 1 */
  int32_t pitch_thrice;
  const void *taps, *end; /* of each pair (0, 1), (2, 3) …, and behind it of (-1, 0), (1, 2) …; whole chunks */
};

/* `channel`: as in matrix.h. */
void tinynn_row_dsp(const struct tinynn_row *row, const struct tinynn_channel *channel);

#endif
