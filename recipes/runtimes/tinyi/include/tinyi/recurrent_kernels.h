/* Kernels of SVDF and LSTM beside tinynn's definition. */
#ifndef TINYI_RECURRENT_KERNELS_H
#define TINYI_RECURRENT_KERNELS_H

#include "tinyi/context.h"

/* For rows of features of whole eights, at whole words. `is_wide`: the state is of int16. */
struct tinyi_svdf {
  uint32_t (*scratch_bytes)(const struct tinynn_svdf *p);
  void (*compute)(struct tinynn_svdf *p, const int8_t *input, void *state, int32_t is_wide, int8_t *output,
                  void *scratch);
};

extern const struct tinyi_svdf tinyi_svdf_dsp;

/* int8. */
struct tinyi_lstm {
  int32_t (*supports)(const struct tinynn_lstm *p); /* these weights and scales */
  uint32_t (*scratch_bytes)(const struct tinynn_lstm *p);
  void (*compute)(struct tinynn_lstm *p, const int8_t *input, int8_t *state, int16_t *memory, int8_t *output,
                  void *scratch);
};

extern const struct tinyi_lstm tinyi_lstm_dsp;

#endif
