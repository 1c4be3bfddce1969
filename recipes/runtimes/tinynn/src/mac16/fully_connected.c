/* FULLY_CONNECTED by Xtensa's MAC16: the formula of ref/fully_connected.c, one output after the other (row.S). Packing: rows filled up to
 * fours; records as in rescale_right.h, biases as in mac16.h. Scratch: inputs as halves, and a word. */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/mac16.h"
#include "tinynn/rescale_right.h"

int32_t tinynn_row_mac16(const uint32_t *x, const int8_t *weights, int32_t fours, int32_t sum);

void tinynn_fully_connected_mac16(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                                  int8_t *restrict output, void *restrict scratch) {
  uint32_t *const x = scratch;
  const int32_t whole = p->inputs / 4, fours = (p->inputs + 3) / 4;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *weights = p->weights;
    tinynn_widen(x, input, whole);
    if (whole < fours) {
      uint32_t last = 0;
      for (int32_t i = p->inputs - 1; i >= 4 * whole; --i) {
        last = last << 8 | (uint8_t)input[i];
      }
      tinynn_widen_fours(x + 2 * whole, last);
    }
    for (int32_t o = 0; o < p->outputs; ++o) {
      const struct tinynn_right right = tinynn_right(&p->channels[o], p->output_zero_point);
      const int32_t sum = tinynn_row_mac16(x, weights, fours, p->channels[o].bias) >> TINYNN_SUM_PLACES;
      *output++ = (int8_t)tinynn_clamp(tinynn_rescale_right(sum, right), p->lowest, p->highest);
      weights += 4 * fours;
    }
    input += p->inputs;
  }
}
