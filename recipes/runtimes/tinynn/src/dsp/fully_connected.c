/* FULLY_CONNECTED, int8: the formula of ref/fully_connected.c, four outputs at a time (see matrix.h).
 *
 * Packing: backends/tinynn/packs.py. Scratch: the inputs padded to a multiple of four, where they are no such multiple.
 */
#include <stddef.h>
#include <string.h>

#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/matrix.h"

#if defined(__ARM_FEATURE_DSP)

enum { FOUR = 4, RECORDS = 4 * FOUR };

/* All fours from `matrix` on, with a record for each output. */
static void by_channel(struct tinynn_matrix *matrix, int32_t fours) {
  matrix->blocks = fours;
  tinynn_matrix1_dsp(matrix);
  matrix->weights += fours * FOUR * FOUR * matrix->groups;
  matrix->channels += fours * FOUR;
  matrix->output += fours * FOUR;
}

/* The same with one scale for all: records are written as they are needed, some at a time. */
static void by_tensor(struct tinynn_matrix *matrix, const struct tinynn_channel *all, const int32_t *biases,
                      int32_t fours) {
  struct tinynn_channel records[RECORDS];
  for (int32_t i = 0; i < RECORDS; ++i) {
    records[i] = *all;
  }
  while (fours > 0) {
    const int32_t blocks = fours < RECORDS / FOUR ? fours : RECORDS / FOUR;
#pragma GCC unroll 4
    for (int32_t i = 0; i < blocks * FOUR; ++i) {
      records[i].bias = *biases++;
    }
    matrix->channels = records;
    by_channel(matrix, blocks);
    fours -= blocks;
  }
}

static void fours_of(const struct tinynn_fully_connected *restrict p, struct tinynn_matrix *matrix, int32_t first,
                     int32_t fours) {
  if (p->biases == NULL) {
    by_channel(matrix, fours);
  } else {
    by_tensor(matrix, p->channels, p->biases + first, fours);
  }
}

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
                                   .zero_twice_plus1 = 2 * p->output_zero_point + 1};
    if (fours > 0) {
      fours_of(p, &matrix, 0, fours);
    }
    if (rest > 0) {
      int8_t aside[4];
      matrix.output = aside;
      fours_of(p, &matrix, fours * 4, 1);
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
