/* UNIDIRECTIONAL_SEQUENCE_LSTM.
 *
 *   gate = clamp(rescale(bias + Σ in * weights)) + clamp(rescale(Σ state * weights)), and see tinynn/lstm.h
 *
 * Bit for bit EvalLstm of TFLM (tensorflow/lite/micro/kernels/lstm_eval.h); float32 by the same formula.
 */
#include "tinynn/lstm.h"

#include <string.h>

#include "tinynn/wide.h"

static inline int32_t dot(int32_t sum, const int8_t *restrict x, const int8_t *restrict weights, int32_t count,
                          int32_t zero_point) {
  uint32_t total = (uint32_t)sum;
  for (int32_t i = 0; i < count; ++i) {
    total += (uint32_t)((x[i] - zero_point) * weights[i]);
  }
  return (int32_t)total;
}

void tinynn_lstm_int8_ref(const struct tinynn_lstm *restrict p, const int8_t *restrict input, int8_t *restrict state,
                          int16_t *restrict memory, int8_t *restrict output) {
  const int32_t cells = p->cells;
  for (int32_t i = 0; i < p->batches * p->steps; ++i) {
    const int32_t batch = i / p->steps;
    const int32_t row = tinynn_lstm_row(p->is_time_major, p->batches, p->steps, batch, i % p->steps);
    const int8_t *x = input + row * p->inputs;
    int8_t *to = output + row * cells, *before = state + batch * cells;
    for (int32_t c = 0; c < cells; ++c) {
      int32_t gates[4];
      for (int32_t g = 0; g < 4; ++g) {
        const int32_t bias = ((const int32_t *)p->bias[g])[c];
        const int32_t given = dot(bias, x, p->input_weights[g] + c * p->input_pitch, p->inputs, p->input_zero_point);
        const int32_t kept = dot(0, before, p->state_weights[g] + c * p->state_pitch, cells, p->state_zero_point);
        gates[g] = tinynn_saturated16(
            tinynn_saturated16(tinynn_rescale(given, p->input_multipliers[g], p->input_shifts[g])) +
            tinynn_saturated16(tinynn_rescale(kept, p->state_multipliers[g], p->state_shifts[g])));
      }
      const int32_t made = tinynn_lstm_cell(p, gates, &memory[batch * cells + c], tinynn_rescale);
      to[c] = (int8_t)tinynn_clamp(tinynn_from_zero(p->state_zero_point, made), INT8_MIN, INT8_MAX);
    }
    memcpy(before, to, (size_t)cells);
  }
}

static inline int64_t dot16(const int16_t *restrict x, const int8_t *restrict weights, int32_t count,
                            int32_t zero_point) {
  int64_t sum = 0;
  for (int32_t i = 0; i < count; ++i) {
    sum += (x[i] - zero_point) * weights[i];
  }
  return sum;
}

void tinynn_lstm_int16_ref(const struct tinynn_lstm *restrict p, const int16_t *restrict input,
                           int16_t *restrict state, int16_t *restrict memory, int16_t *restrict output) {
  const int32_t cells = p->cells;
  for (int32_t i = 0; i < p->batches * p->steps; ++i) {
    const int32_t batch = i / p->steps;
    const int32_t row = tinynn_lstm_row(p->is_time_major, p->batches, p->steps, batch, i % p->steps);
    const int16_t *x = input + row * p->inputs;
    int16_t *to = output + row * cells, *before = state + batch * cells;
    for (int32_t c = 0; c < cells; ++c) {
      int32_t gates[4];
      for (int32_t g = 0; g < 4; ++g) {
        const int64_t bias = ((const tinynn_int64 *)p->bias[g])[c];
        const int64_t products = dot16(x, p->input_weights[g] + c * p->input_pitch, p->inputs, p->input_zero_point);
        const int64_t given = (int64_t)((uint64_t)bias + (uint64_t)products);
        const int64_t kept = dot16(before, p->state_weights[g] + c * p->state_pitch, cells, p->state_zero_point);
        gates[g] = tinynn_saturated16(
            tinynn_saturated16(tinynn_rescale_wide(given, p->input_multipliers[g], p->input_shifts[g])) +
            tinynn_saturated16(tinynn_rescale_wide(kept, p->state_multipliers[g], p->state_shifts[g])));
      }
      const int32_t made = tinynn_lstm_cell(p, gates, &memory[batch * cells + c], tinynn_rescale);
      to[c] = (int16_t)tinynn_saturated16(tinynn_from_zero(p->state_zero_point, made));
    }
    memcpy(before, to, (size_t)cells * sizeof *to);
  }
}

static inline float dot_float32(float sum, const float *restrict x, const float *restrict weights, int32_t count) {
#pragma GCC unroll 8
  for (int32_t i = 0; i < count; ++i) {
    sum = tinynn_multiply_add(sum, x[i], weights[i]);
  }
  return sum;
}

/* See float32_elementwise.c. */
static float logistic(float x) {
  if (x > 16.619047164916992188f) {
    return 1;
  }
  return x < -9 ? __builtin_expf(x) : 1 / (1 + __builtin_expf(-x));
}

void tinynn_lstm_float32_ref(const struct tinynn_lstm_float32 *restrict p, const float *restrict input,
                             float *restrict state, float *restrict memory, float *restrict output) {
  const int32_t cells = p->cells;
  for (int32_t i = 0; i < p->batches * p->steps; ++i) {
    const int32_t batch = i / p->steps;
    const int32_t row = tinynn_lstm_row(p->is_time_major, p->batches, p->steps, batch, i % p->steps);
    const float *x = input + row * p->inputs;
    float *to = output + row * cells, *before = state + batch * cells;
    for (int32_t c = 0; c < cells; ++c) {
      float gates[4], *cell = &memory[batch * cells + c];
      for (int32_t g = 0; g < 4; ++g) {
        gates[g] = dot_float32(0, x, p->input_weights[g] + c * p->inputs, p->inputs) + p->bias[g][c];
        gates[g] += dot_float32(0, before, p->state_weights[g] + c * cells, cells);
      }
      *cell = logistic(gates[1]) * *cell + logistic(gates[0]) * __builtin_tanhf(gates[2]);
      if (p->clip > 0) {
        *cell = tinynn_clamp_float32(*cell, -p->clip, p->clip);
      }
      to[c] = __builtin_tanhf(*cell) * logistic(gates[3]);
    }
    memcpy(before, to, (size_t)cells * sizeof *to);
  }
}
