#include "fcrun.h"

#include "fclib.h"

/* Tensors alternate between two places; behind them is scratch. */

typedef void (*kernel_t)(const struct fcrun_layer *layer, const int8_t *in, int8_t *scratch, int8_t *out);

static uint32_t most(uint32_t one, uint32_t other) { return one > other ? one : other; }

static uint32_t bytes_of(const struct fcrun *model, int tensor) {
  return (uint32_t)(tensor == 0 ? model->layers[0].inputs : model->layers[tensor - 1].outputs);
}

static uint32_t widest(const struct fcrun *model, int first, int step) {
  uint32_t bytes = 0;
  for (int i = first; i <= model->count; i += step) {
    bytes = most(bytes, bytes_of(model, i));
  }
  return bytes;
}

int fcrun_setup(const struct fcrun *model) {
  const uint32_t second = widest(model, 0, 2), scratch = second + widest(model, 1, 2);
  *model->used = scratch + widest(model, 0, 1);
  if (*model->used > model->size) {
    return 1;
  }
  for (int i = 0; i <= model->count; ++i) {
    model->places[model->chain[i]] = i % 2 == 0 ? 0 : second;
  }
  return 0;
}

/* Works on a copy of its input. */
void fcrun_dense(const struct fcrun_layer *layer, const int8_t *in, int8_t *scratch, int8_t *out) {
  for (int i = 0; i < layer->inputs; ++i) {
    scratch[i] = in[i];
  }
  fc_layer(layer->weights, layer->bias, layer->inputs, layer->outputs, layer->offset, layer->multiplier, layer->shift,
           layer->zero_point, layer->lowest, scratch, out);
}

__attribute__((noinline)) void fcrun_run(const struct fcrun *model, kernel_t volatile kernel) {
  int8_t *arena = (int8_t *)model->arena, *scratch = arena + *model->used - widest(model, 0, 1);
  for (int i = 0; i < model->count; ++i) {
    kernel(&model->layers[i], arena + model->places[model->chain[i]], scratch,
           arena + model->places[model->chain[i + 1]]);
  }
}

int fcrun_invoke(const struct fcrun *model) {
  fcrun_run(model, fcrun_dense);
  return 0;
}
