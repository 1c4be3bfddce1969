/* The inner loops of tinynn_rows_dsp, in rows2.S and rows3.S: some rows of weights by the same inputs. */
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

/* Outputs by threes, from `output` to `output_end`, where one scale holds for all of them, inputs are a multiple of 8, and
 * there is a bias. The first inputs are `wide` ones; whole_end: as far as they are a multiple of 64; narrow_whole_end: as
 * far as the others are a multiple of 32. factor, shift, offset: see requantise.inc. Outputs are clamped to int8 alone. */
void tinynn_rows3_dsp(const int8_t *weights, int32_t inputs, const int32_t *bias, int8_t *output, const void *wide,
                      const void *whole_end, const void *wide_end, const int8_t *narrow,
                      const int8_t *narrow_whole_end, const int8_t *narrow_end, uint32_t zeros,
                      const int8_t *output_end, int32_t factor, int32_t shift, int32_t offset);

#endif
