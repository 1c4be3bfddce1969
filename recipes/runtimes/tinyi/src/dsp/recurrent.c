/* SVDF and LSTM by SMLAD, where the file's rows of features are whole eights: see tinynn/src/dsp/recurrent.c. */
#include "tinyi/recurrent_kernels.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/instructions.h"

static int32_t sum_of_bytes(const int8_t *from, int32_t count) {
  const tinynn_pair ones = tinynn_twice(1);
  int32_t sum = 0;
  for (; count >= 4; count -= 4, from += 4) {
    const uint32_t bytes = tinynn_load_word(from);
    sum = tinynn_multiply_pairs(tinynn_even_bytes(bytes), ones, sum);
    sum = tinynn_multiply_pairs(tinynn_odd_bytes(bytes), ones, sum);
  }
  for (; count > 0; --count) {
    sum += *from++;
  }
  return sum;
}

static uint32_t scratch_bytes(const struct tinynn_svdf *p) {
  return 2 * (uint32_t)p->inputs + 4 * (uint32_t)(p->units * p->rank) + 4 * (uint32_t)p->units;
}

/* With the state's zero point in the biases. */
static void compute(struct tinynn_svdf *p, const int8_t *input, void *state, int32_t is_wide, int8_t *output,
                    void *scratch) {
  const int32_t each = p->rank * p->memory;
  int32_t *bias = scratch;
  for (int32_t u = 0; u < p->units; ++u) {
    const int32_t given = p->bias == NULL ? 0 : p->bias[u];
    const int32_t times = p->state_zero_point == 0 ? 0 : sum_of_bytes((const int8_t *)p->time + u * each, each);
    bias[u] = (int32_t)((uint32_t)given - (uint32_t)p->state_zero_point * (uint32_t)times);
  }
  p->bias = bias;
  if (is_wide) {
    tinynn_svdf_int16_dsp(p, input, state, output, bias + p->units);
  } else {
    tinynn_svdf_int8_dsp(p, input, state, output, bias + p->units);
  }
}

const struct tinyi_svdf tinyi_svdf_dsp = {scratch_bytes, compute};


/* Whether a gate's sums don't leave 32 bits where they are scaled up, nor 16 in another way where they are scaled down:
 * see layouts.why_no_room. `bias`: NULL for none. */
static int32_t has_room(const int8_t *weights, const int32_t *bias, int32_t rows, int32_t columns, int32_t multiplier,
                        int32_t shift) {
  if (multiplier == 0 || shift < -13) {
    return 0;
  }
  for (int32_t row = 0; shift > 0 && row < rows; ++row) {
    /* at most 2^16 columns */
    int32_t magnitudes = 0;
    for (int32_t i = 0; i < columns; ++i, ++weights) {
      magnitudes += *weights < 0 ? -*weights : *weights;
    }
    const int32_t given = bias == NULL ? 0 : bias[row];
    const uint32_t most = (uint32_t)magnitudes * 255 + (given < 0 ? -(uint32_t)given : (uint32_t)given);
    if (most >= UINT32_C(1) << (31 - shift)) {
      return 0;
    }
  }
  return 1;
}

static int32_t scales_down(int32_t multiplier, int32_t shift) { return multiplier != 0 && shift <= -1; }

static int32_t supports_lstm(const struct tinynn_lstm *p) {
  int32_t is_supported = scales_down(p->keep_multiplier, p->keep_shift) &&
                         scales_down(p->update_multiplier, p->update_shift) &&
                         scales_down(p->output_multiplier, p->output_shift);
  for (uint32_t g = 0; g < 4 && is_supported; ++g) {
    is_supported = has_room(p->input_weights[g], p->bias[g], p->cells, p->inputs, p->input_multipliers[g],
                            p->input_shifts[g]) &&
                   has_room(p->state_weights[g], NULL, p->cells, p->cells, p->state_multipliers[g], p->state_shifts[g]);
  }
  return is_supported;
}

static uint32_t lstm_scratch_bytes(const struct tinynn_lstm *p) {
  return 2 * (((uint32_t)p->inputs + 7) / 8 * 8 + ((uint32_t)p->cells + 7) / 8 * 8);
}

/* 2 * multiplier - 2^32, as the kernel wants it. */
static void as_factor(int32_t *multiplier) { *multiplier = (int32_t)((uint32_t)*multiplier << 1); }

static void compute_lstm(struct tinynn_lstm *p, const int8_t *input, int8_t *state, int16_t *memory, int8_t *output,
                         void *scratch) {
  for (uint32_t g = 0; g < 4; ++g) {
    as_factor(&p->input_multipliers[g]);
    as_factor(&p->state_multipliers[g]);
  }
  as_factor(&p->keep_multiplier);
  as_factor(&p->update_multiplier);
  as_factor(&p->output_multiplier);
  p->keep_shift = -p->keep_shift;
  p->update_shift = -p->update_shift;
  p->output_shift = -p->output_shift;
  tinynn_lstm_rows_int8_dsp(p, input, state, memory, output, scratch);
}

const struct tinyi_lstm tinyi_lstm_dsp = {supports_lstm, lstm_scratch_bytes, compute_lstm};

#endif
