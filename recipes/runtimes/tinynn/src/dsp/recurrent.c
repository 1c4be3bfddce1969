/* SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM of int8: the formulas of ref/svdf.c and ref/lstm.c, two rows of weights at a time.
 *
 * Rows are filled up to whole eights with weights of 0; what is read by all of them is widened to 16 bits once, in scratch.
 * For each step an LSTM has its input and the output of the step before there, SVDF its input, and features.
 */
#include <string.h>

#include "tinynn.h"
#include "tinynn/lstm.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/rows.h"

/* Words of (0, 2), (1, 3) for each four, the zero point subtracted; `pitch`: a multiple of 4. */
static void widen(const int8_t *from, int32_t count, int32_t pitch, int32_t zero_point, tinynn_pair *to) {
  const tinynn_pair zeros = tinynn_twice(-zero_point);
  const tinynn_pair *end = to + pitch / 2;
  for (; count > 0; count -= 4, from += 4) {
    uint32_t bytes = 0;
    if (count >= 4) {
      bytes = tinynn_load_word(from);
    } else {
      memcpy(&bytes, from, (size_t)count);
    }
    *to++ = tinynn_add_even_bytes(zeros, bytes);
    *to++ = tinynn_add_odd_bytes(zeros, bytes);
  }
  while (to != end) {
    *to++ = 0;
  }
}

/* x * multiplier / 2^31 / 2^shift, shifts from 1 on; factor: 2 * multiplier - 2^32. */
static inline int32_t rescale_right(int32_t x, int32_t factor, int32_t shift) {
  const int32_t high = tinynn_high_by_factor(x, factor);
  return (high + (high >> 31) + (INT32_C(1) << (shift - 1))) >> shift;
}

static inline int32_t saturate16(int32_t x) {
  __asm__("ssat %0, #16, %1" : "=r"(x) : "r"(x));
  return x;
}

/* To the right by 13 at most: what has more than 30 bits leaves 16 either way. To the left a sum has room. */
static inline int32_t rescale_sum(int32_t sum, int32_t factor, int32_t shift) {
  if (shift >= 0) {
    return saturate16(tinynn_high_by_factor(sum << shift, factor));
  }
  return saturate16(rescale_right(tinynn_saturate_30(sum), factor, -shift));
}

static inline void sum_four(struct tinynn_rows2 *rows, uint32_t a, uint32_t b) {
  const tinynn_pair *x = rows->x;
  rows->sum_a = tinynn_multiply_pairs(x[0], tinynn_even_bytes(a), rows->sum_a);
  rows->sum_b = tinynn_multiply_pairs(x[0], tinynn_even_bytes(b), rows->sum_b);
  rows->sum_a = tinynn_multiply_pairs(x[1], tinynn_odd_bytes(a), rows->sum_a);
  rows->sum_b = tinynn_multiply_pairs(x[1], tinynn_odd_bytes(b), rows->sum_b);
}

/* `products` at any address. */
static __attribute__((noinline)) void sum_rows_anywhere(struct tinynn_rows2 *rows, int32_t products) {
  struct tinynn_rows2 all = *rows;
  for (; products >= 4; products -= 4, all.a += 4, all.b += 4, all.x = (const tinynn_pair *)all.x + 2) {
    sum_four(&all, tinynn_load_word(all.a), tinynn_load_word(all.b));
  }
  if (products > 0) {
    uint32_t a = 0, b = 0;
    memcpy(&a, all.a, (size_t)products);
    memcpy(&b, all.b, (size_t)products);
    sum_four(&all, a, b);
  }
  rows->sum_a = all.sum_a;
  rows->sum_b = all.sum_b;
}

/* Of an LSTM: rows that are filled up, or as a file has them; inputs are filled up with zeros to whole fours. `eights`:
 * products of whole words. */
static inline __attribute__((always_inline)) void sum_rows(struct tinynn_rows2 *rows, int32_t products, int32_t eights,
                                                           int32_t is_filled_up) {
  if (is_filled_up || eights > 0) {
    tinynn_rows2_wide_dsp(rows, is_filled_up ? products : eights);
  }
  if (is_filled_up) {
    return;
  }
  if (products - eights == 4) {
    sum_four(rows, tinynn_load_word(rows->a), tinynn_load_word(rows->b));
  } else if (products > eights) {
    sum_rows_anywhere(rows, products - eights);
  }
}

/* Of rows of the four gates; 0 where these are not at whole words. */
static int32_t eights_of(const int8_t *const weights[4], int32_t pitch) {
  const uintptr_t places =
      (uintptr_t)weights[0] | (uintptr_t)weights[1] | (uintptr_t)weights[2] | (uintptr_t)weights[3] | (uintptr_t)pitch;
  return places % 4 == 0 ? pitch & ~7 : 0;
}

static inline int32_t gate_of(const struct tinynn_lstm *restrict p, int32_t g, int32_t given, int32_t kept) {
  return saturate16(rescale_sum(given, p->input_multipliers[g], p->input_shifts[g]) +
                    rescale_sum(kept, p->state_multipliers[g], p->state_shifts[g]));
}

static inline __attribute__((always_inline)) void lstm_int8(const struct tinynn_lstm *restrict p,
                                                            const int8_t *restrict input, int8_t *restrict state,
                                                            int16_t *restrict memory, int8_t *restrict output,
                                                            void *restrict scratch, int32_t is_filled_up) {
  const int32_t cells = p->cells;
  const int32_t inputs_filled = is_filled_up ? p->input_pitch : (p->input_pitch + 3) & ~3;
  const int32_t cells_filled = is_filled_up ? p->state_pitch : (p->state_pitch + 3) & ~3;
  const int32_t input_eights = is_filled_up ? 0 : eights_of(p->input_weights, p->input_pitch);
  const int32_t state_eights = is_filled_up ? 0 : eights_of(p->state_weights, p->state_pitch);
  tinynn_pair *given = scratch, *kept = given + inputs_filled / 2;
  for (int32_t i = 0; i < p->batches * p->steps; ++i) {
    const int32_t batch = i / p->steps;
    const int32_t row = tinynn_lstm_row(p->is_time_major, p->batches, p->steps, batch, i % p->steps);
    int8_t *to = output + row * cells, *before = state + batch * cells;
    widen(input + row * p->inputs, p->inputs, inputs_filled, p->input_zero_point, given);
    widen(before, cells, cells_filled, p->state_zero_point, kept);
    for (int32_t c = 0; c < cells; ++c) {
      int32_t gates[4];
      for (int32_t g = 0; g < 4; g += 2) {
        struct tinynn_rows2 of_input = {.x = given,
                                        .a = p->input_weights[g] + c * p->input_pitch,
                                        .b = p->input_weights[g + 1] + c * p->input_pitch,
                                        .sum_a = ((const int32_t *)p->bias[g])[c],
                                        .sum_b = ((const int32_t *)p->bias[g + 1])[c]};
        struct tinynn_rows2 of_state = {.x = kept,
                                        .a = p->state_weights[g] + c * p->state_pitch,
                                        .b = p->state_weights[g + 1] + c * p->state_pitch};
        sum_rows(&of_input, p->input_pitch, input_eights, is_filled_up);
        sum_rows(&of_state, p->state_pitch, state_eights, is_filled_up);
        gates[g] = gate_of(p, g, of_input.sum_a, of_state.sum_a);
        gates[g + 1] = gate_of(p, g + 1, of_input.sum_b, of_state.sum_b);
      }
      const int32_t made = tinynn_lstm_cell(p, gates, &memory[batch * cells + c], rescale_right);
      to[c] = (int8_t)tinynn_clamp(tinynn_from_zero(p->state_zero_point, made), INT8_MIN, INT8_MAX);
    }
    memcpy(before, to, (size_t)cells);
  }
}

void tinynn_lstm_int8_dsp(const struct tinynn_lstm *restrict p, const int8_t *restrict input, int8_t *restrict state,
                          int16_t *restrict memory, int8_t *restrict output, void *restrict scratch) {
  lstm_int8(p, input, state, memory, output, scratch, 1);
}

void tinynn_lstm_rows_int8_dsp(const struct tinynn_lstm *restrict p, const int8_t *restrict input,
                               int8_t *restrict state, int16_t *restrict memory, int8_t *restrict output,
                               void *restrict scratch) {
  lstm_int8(p, input, state, memory, output, scratch, 0);
}

/* A rescaling by SMMLAR to the right, by so little that what has more than 30 bits leaves the result's type either way; or
 * any. */
struct scaling {
  int32_t factor, right, half;
  int32_t multiplier, shift;
};

static struct scaling scaling_of(int32_t multiplier, int32_t shift, int32_t most) {
  const int32_t right = multiplier != 0 && shift <= -1 && shift >= -most ? -shift : 0;
  const struct scaling scaling = {(int32_t)((uint32_t)multiplier << 1), right, right == 0 ? 0 : 1 << (right - 1), multiplier,
                                  shift};
  return scaling;
}

static __attribute__((noinline)) int32_t rescale_any(int32_t sum, const struct scaling *scaling) {
  return tinynn_rescale(sum, scaling->multiplier, scaling->shift);
}

static inline int32_t rescale_by(int32_t sum, const struct scaling *scaling) {
  if (scaling->right == 0) {
    return rescale_any(sum, scaling);
  }
  const int32_t high = tinynn_high_by_factor(tinynn_saturate_30(sum), scaling->factor);
  return (high + (high >> 31) + scaling->half) >> scaling->right;
}

/* To 16 bits, and to 8 with a zero point. */
enum { MOST_OF_16 = 13, MOST_OF_8 = 19 };

/* All features of one input, clamped, without the state's zero point. */
static __attribute__((noinline)) void make_features(const struct tinynn_svdf *restrict p, const tinynn_pair *x,
                                                    int32_t lowest, int32_t highest, int32_t *restrict features) {
  const struct scaling scaling = scaling_of(p->state_multiplier, p->state_shift, MOST_OF_16);
  const int32_t filters = p->units * p->rank, pitch = p->pitch;
  const int8_t *weights = p->features;
#pragma GCC unroll 1
  for (int32_t f = 0; f < filters; f += 2) {
    const int32_t has_second = f + 1 < filters;
    struct tinynn_rows2 rows = {.x = x, .a = weights, .b = weights + has_second * pitch};
    tinynn_rows2_wide_dsp(&rows, pitch);
    weights += 2 * pitch;
    features[f] = tinynn_clamp(rescale_by(rows.sum_a, &scaling), lowest, highest);
    if (has_second) {
      features[f + 1] = tinynn_clamp(rescale_by(rows.sum_b, &scaling), lowest, highest);
    }
  }
}

/* A filter's state moves by one, its newest is put behind; sum + its products. The state's zero point is in the bias. */
static inline int32_t filter16(int16_t *restrict state, const int16_t *restrict time, int32_t memory, int32_t newest,
                               int32_t sum) {
  for (; memory > 2; memory -= 2, state += 2, time += 2) {
    const tinynn_pair pair = tinynn_load_word(state + 1);
    tinynn_store_word(state, pair);
    sum = tinynn_multiply_pairs(pair, tinynn_load_word(time), sum);
  }
  if (memory == 2) {
    const tinynn_pair pair = (uint16_t)state[1] | (uint32_t)newest << 16;
    tinynn_store_word(state, pair);
    return tinynn_multiply_pairs(pair, tinynn_load_word(time), sum);
  }
  *state = (int16_t)newest;
  return sum + newest * *time;
}

static inline int32_t four_of(int8_t *restrict state, const int8_t *restrict time, uint32_t bytes, int32_t sum) {
  const uint32_t weights = tinynn_load_word(time);
  tinynn_store_word(state, bytes);
  sum = tinynn_multiply_pairs(tinynn_even_bytes(bytes), tinynn_even_bytes(weights), sum);
  return tinynn_multiply_pairs(tinynn_odd_bytes(bytes), tinynn_odd_bytes(weights), sum);
}

static inline __attribute__((always_inline)) int32_t filter8(int8_t *restrict state, const int8_t *restrict time,
                                                            int32_t memory, int32_t newest, int32_t sum) {
#pragma GCC unroll 1
  for (; memory > 4; memory -= 4, state += 4, time += 4) {
    sum = four_of(state, time, tinynn_load_word(state + 1), sum);
  }
  if (memory == 4) {
    return four_of(state, time, tinynn_load_word(state) >> 8 | (uint32_t)newest << 24, sum);
  }
#pragma GCC unroll 1
  for (; memory > 1; --memory, ++state) {
    *state = state[1];
    sum += *state * *time++;
  }
  *state = (int8_t)newest;
  return sum + *state * *time;
}

/* For states of both types. Of all filters: what they keep moves on, and what they make of it. */
#define SVDF(function, filter, type, lowest, highest)                                                                 \
  static __attribute__((noinline)) void filter##_all(const struct tinynn_svdf *restrict p, const int32_t *restrict made, \
                                                     type *restrict state, int8_t *restrict output) {                 \
    const struct scaling scaling = scaling_of(p->output_multiplier, p->output_shift, MOST_OF_8);                      \
    const int32_t memory = p->memory, zero_point = p->state_zero_point;                                               \
    const type *restrict time = p->time;                                                                              \
    for (int32_t u = 0; u < p->units; ++u) {                                                                          \
      int32_t sum = p->bias[u];                                                                                       \
      _Pragma("GCC unroll 1") for (int32_t r = p->rank; r > 0; --r) {                                                 \
        sum = filter(state, time, memory, zero_point + *made++, sum);                                                 \
        time += memory;                                                                                               \
        state += memory;                                                                                              \
      }                                                                                                               \
      const int32_t value = tinynn_from_zero(p->output_zero_point, rescale_by(sum, &scaling));                        \
      *output++ = (int8_t)tinynn_clamp(value, INT8_MIN, INT8_MAX);                                                    \
    }                                                                                                                 \
  }                                                                                                                   \
                                                                                                                      \
  void function(const struct tinynn_svdf *restrict p, const int8_t *restrict input, type *restrict state,             \
                int8_t *restrict output, void *restrict scratch) {                                                    \
    tinynn_pair *wide = scratch;                                                                                      \
    int32_t *features = (int32_t *)(wide + p->pitch / 2);                                                             \
    for (int32_t n = 0; n < p->batches; ++n) {                                                                        \
      widen(input, p->inputs, p->pitch, p->input_zero_point, wide);                                                   \
      make_features(p, wide, lowest, highest, features);                                                              \
      filter##_all(p, features, state, output);                                                                       \
      input += p->inputs;                                                                                             \
      state += p->units * p->rank * p->memory;                                                                        \
      output += p->units;                                                                                             \
    }                                                                                                                 \
  }

SVDF(tinynn_svdf_int8_dsp, filter8, int8_t, INT8_MIN, INT8_MAX)
SVDF(tinynn_svdf_int16_dsp, filter16, int16_t, INT16_MIN, INT16_MAX)

#endif
