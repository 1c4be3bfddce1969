/* FULLY_CONNECTED of int8, four outputs at a time (see matrix.h). The file that includes this defines WEIGHT_BITS. */
#ifndef TINYNN_DSP_FULLY_CONNECTED_H
#define TINYNN_DSP_FULLY_CONNECTED_H

#include <stddef.h>
#include <string.h>

#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/matrix.h"

enum { FOUR = 4, RECORDS = 4 * FOUR };

/* All fours from `matrix` on, with a record for each output. */
static void by_channel(struct tinynn_matrix *matrix, int32_t fours) {
  matrix->blocks = fours;
#if WEIGHT_BITS == 4
  tinynn_matrix1_int4_dsp(matrix);
#else
  tinynn_matrix1_dsp(matrix);
#endif
  matrix->weights += fours * FOUR * FOUR * matrix->groups * WEIGHT_BITS / 8;
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

#if WEIGHT_BITS == 4
static int32_t sum_of(const int8_t *x, int32_t groups) {
  int32_t sum = 0;
  for (int32_t i = 0; i < groups; ++i) {
    const uint32_t four = tinynn_load_word(x + 4 * i);
    sum = tinynn_multiply_pairs(tinynn_even_bytes(four), 0x00010001, sum);
    sum = tinynn_multiply_pairs(tinynn_odd_bytes(four), 0x00010001, sum);
  }
  return sum;
}
#endif

static inline __attribute__((always_inline)) void multiply(const struct tinynn_fully_connected *restrict p,
                                                           const int8_t *restrict input, int8_t *restrict output,
                                                           void *restrict scratch) {
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
#if WEIGHT_BITS == 4
    matrix.excess = 8 * sum_of(x, groups);
#endif
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
