/* FULLY_CONNECTED, int8: the formula of ref/fully_connected.c, four outputs at a time (see matrix.h).
 *
 * Packing: packing.py, `_matrix1`. Scratch: the inputs padded to a multiple of four, where they are no such multiple.
 */
#include <string.h>

#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/matrix.h"

#if defined(__ARM_FEATURE_DSP)

void tinynn_fully_connected_dsp(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                                int8_t *restrict output, void *restrict scratch) {
  const int32_t groups = (p->inputs + 3) / 4;
  const int32_t fours = p->outputs / 4, rest = p->outputs % 4;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *x = input;
    if (p->inputs % 4 != 0) {
      x = scratch;
      memcpy(scratch, input, (size_t)p->inputs); /* what follows meets weights of 0 */
    }
    struct tinynn_matrix matrix = {.weights = p->weights,
                                   .channels = p->channels,
                                   .x = x,
                                   .output = output,
                                   .groups = groups,
                                   .blocks = fours,
                                   .zero_twice_plus1 = 2 * p->output_zero_point + 1};
    if (fours > 0) {
      tinynn_matrix1_dsp(&matrix);
    }
    if (rest > 0) {
      int8_t aside[4];
      matrix.weights += fours * 4 * 4 * groups;
      matrix.channels += fours * 4;
      matrix.output = aside;
      matrix.blocks = 1;
      tinynn_matrix1_dsp(&matrix);
      memcpy(output + fours * 4, aside, (size_t)rest);
    }
    if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
      tinynn_clamp_dsp(output, p->outputs, p->lowest, p->highest);
    }
    input += p->inputs;
    output += p->outputs;
  }
}

#endif
