/* FULLY_CONNECTED: the formula of ref/fully_connected.c, four outputs at a time, which share the reading of the input. */
#define TILE_PIXELS 1
#define TILE_CHANNELS 4
#include "tinynn/tile.h"

void tinynn_fully_connected_c(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                              int8_t *restrict output, void *restrict scratch) {
  (void)scratch;
  const int32_t clamp[3] = {p->output_zero_point, p->lowest, p->highest};
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *const rows[TILE_PIXELS] = {input};
    const int8_t *weights = p->weights;
    for (int32_t o = 0; o < p->outputs; o += TILE_CHANNELS) {
      const int32_t rest = p->outputs - o;
      const int32_t count = rest < TILE_CHANNELS ? rest : TILE_CHANNELS;
      tinynn_tile(weights, p->channels + o, rows, p->inputs, output + o, 0, 1, count, clamp);
      weights += TILE_CHANNELS * p->inputs;
    }
    input += p->inputs;
    output += p->outputs;
  }
}
