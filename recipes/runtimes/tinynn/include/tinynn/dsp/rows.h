/* The inner loops of tinynn_rows_dsp, in rows2.S and rows3.S: some rows of weights by the same inputs. */
#ifndef TINYNN_DSP_ROWS_H
#define TINYNN_DSP_ROWS_H

#include <stdint.h>

#include "tinynn.h"

struct tinynn_rows2 {
  const void *x; /* aligned to 4 bytes, as are both rows */
  const int8_t *a, *b;
  int32_t sum_a, sum_b;
  uint32_t zeros; /* narrow: twice what is added to each input */
};

/* Both take `products`, a multiple of 8 above 0, and leave x, a, b behind what they read. */
/* Inputs of 16 bits: words of (0, 2), (1, 3) for each four. */
void tinynn_rows2_wide_dsp(struct tinynn_rows2 *rows, int32_t products);
/* Inputs of 8 bits. */
void tinynn_rows2_narrow_dsp(struct tinynn_rows2 *rows, int32_t products);

/* All outputs, by threes, of one row of inputs, where one scale holds for them, inputs are a multiple of 8, outputs are three
 * at least, and there is a bias. */
void tinynn_rows3_dsp(const struct tinynn_rows *p, const int8_t *input, int8_t *output, const void *wide);

#endif
