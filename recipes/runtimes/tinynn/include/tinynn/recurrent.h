/* Operators with state: SVDF and LSTM. Their kernels read and write it where it lies. */
#ifndef TINYNN_RECURRENT_H
#define TINYNN_RECURRENT_H

#include <stdint.h>

/* SVDF: the state, [batches][units * rank][memory], has the last `memory` features of each filter, the newest last. */
struct tinynn_svdf {
  const int8_t *features; /* [units * rank][pitch], of which `inputs` count; dsp: the others are 0 */
  const void *time;       /* [units * rank][memory], of the state's type */
  const int32_t *bias;    /* [units], or NULL */
  int32_t batches, inputs, units, rank, memory;
  int32_t pitch; /* dsp: a multiple of 8 */
  int32_t input_zero_point, state_zero_point, output_zero_point;
  int32_t state_multiplier, state_shift;
  int32_t output_multiplier, output_shift;
};

struct tinynn_svdf_float32 {
  const float *features, *time;
  const float *bias; /* or NULL */
  int32_t batches, inputs, units, rank, memory;
  float lowest, highest;
};

/* The state is of int8, or of int16, whose zero point is 0. */
void tinynn_svdf_int8_ref(const struct tinynn_svdf *restrict p, const int8_t *restrict input, int8_t *restrict state,
                          int8_t *restrict output);
void tinynn_svdf_int16_ref(const struct tinynn_svdf *restrict p, const int8_t *restrict input, int16_t *restrict state,
                           int8_t *restrict output);
void tinynn_svdf_int8_dsp(const struct tinynn_svdf *restrict p, const int8_t *restrict input, int8_t *restrict state,
                          int8_t *restrict output, void *restrict scratch);
void tinynn_svdf_int16_dsp(const struct tinynn_svdf *restrict p, const int8_t *restrict input, int16_t *restrict state,
                           int8_t *restrict output, void *restrict scratch);
void tinynn_svdf_float32_ref(const struct tinynn_svdf_float32 *restrict p, const float *restrict input,
                             float *restrict state, float *restrict output);

/* UNIDIRECTIONAL_SEQUENCE_LSTM; its gates in the order input, forget, cell, output. */
struct tinynn_lstm {
  const int8_t *input_weights[4]; /* [cells][input_pitch], of which `inputs` count; dsp: the others are 0 */
  const int8_t *state_weights[4]; /* [cells][state_pitch], of which `cells` count; likewise */
  const void *bias[4];            /* [cells], int32; int64 for activations of int16 */
  int32_t batches, steps, inputs, cells, is_time_major;
  int32_t input_pitch, state_pitch; /* dsp: multiples of 8 */
  int32_t input_zero_point, state_zero_point;
  /* of int16: see tinynn/wide.h; dsp: all multipliers but tanh's are 2 * multiplier - 2^32; shifts of sums from -13 on
   * don't leave 32 bits, those of products count to the right, from 1 on */
  int32_t input_multipliers[4], input_shifts[4];
  int32_t state_multipliers[4], state_shifts[4];
  int32_t keep_multiplier, keep_shift;     /* of the forget gate by a cell */
  int32_t update_multiplier, update_shift; /* of the input gate by the cell gate */
  int32_t tanh_multiplier, tanh_right_shift;
  int32_t output_multiplier, output_shift;
  int32_t clip; /* of cells; 0: none */
};

struct tinynn_lstm_float32 {
  const float *input_weights[4], *state_weights[4];
  const float *bias[4];
  int32_t batches, steps, inputs, cells, is_time_major;
  float clip;
};

/* `state` is the output of the step before, [batches][cells], `memory` the cells, likewise. */
#define TINYNN_LSTM(function, parameters, type, cell, ...)                                                        \
  void function(const struct parameters *restrict p, const type *restrict input, type *restrict state,            \
                cell *restrict memory, type *restrict output __VA_ARGS__)

TINYNN_LSTM(tinynn_lstm_int8_ref, tinynn_lstm, int8_t, int16_t, );
TINYNN_LSTM(tinynn_lstm_int8_dsp, tinynn_lstm, int8_t, int16_t, , void *restrict scratch);
/* The same of any rows, without anything behind those of a file. */
TINYNN_LSTM(tinynn_lstm_rows_int8_dsp, tinynn_lstm, int8_t, int16_t, , void *restrict scratch);
TINYNN_LSTM(tinynn_lstm_int16_ref, tinynn_lstm, int16_t, int16_t, );
TINYNN_LSTM(tinynn_lstm_float32_ref, tinynn_lstm_float32, float, float, );

#endif
