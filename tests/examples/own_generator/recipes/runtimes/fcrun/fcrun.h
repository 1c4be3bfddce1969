#pragma once
#include <stdint.h>

struct fcrun_layer {
  const int8_t *weights;
  const int32_t *bias;
  int inputs, outputs, offset;
  int32_t multiplier;
  int shift;
  int32_t zero_point, lowest;
};

/* `chain` has the tensors of the model: the input, then each layer's output. */
struct fcrun {
  const struct fcrun_layer *layers;
  int count;
  const int *chain;
  uint8_t *arena;
  uint32_t size, *used, *places;
};

int fcrun_setup(const struct fcrun *model); /* 1: the arena is too small */
int fcrun_invoke(const struct fcrun *model);
