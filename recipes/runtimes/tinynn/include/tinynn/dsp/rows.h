/* The inner loops of tinynn_rows_dsp, in rows2.S: two rows of weights by the same inputs. */
#ifndef TINYNN_DSP_ROWS_H
#define TINYNN_DSP_ROWS_H

#include <stdint.h>

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

/* Outputs by pairs where one scale holds for all of them, inputs are a multiple of 8, and there is a bias. */
struct tinynn_pairs {
  const int8_t *weights;
  int32_t inputs;
  const void *wide, *whole_end, *wide_end; /* inputs of 16 bits; whole_end: as far as they are a multiple of 32 */
  const int8_t *narrow, *narrow_end;       /* the others */
  const int32_t *bias;
  int8_t *output;
  int32_t pairs; /* above 0 */
  uint32_t zeros; /* twice what is added to each narrow input */
  int32_t factor, shift, offset, lowest, highest; /* the first three as struct tinynn_right has them */
};

/* Changes what it is given. */
void tinynn_pairs_dsp(struct tinynn_pairs *pairs);

#endif
