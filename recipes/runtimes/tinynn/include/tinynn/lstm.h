/* What a cell of an integer LSTM makes of its gates.
 *
 *   cell = clamp(forget * cell + input * tanh(gate)), hidden = output * tanh(cell)
 *
 * Bit for bit lstm_eval.h of TFLM (tensorflow/lite/micro/kernels): gates are Q3.12 before their functions, Q0.15 behind
 * them; every product is rescaled to int16 before they are added.
 */
#ifndef TINYNN_LSTM_H
#define TINYNN_LSTM_H

#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/sigmoid_int16.h"

enum { TINYNN_GATE_SCALE = 3 /* entries of the table for a step of Q3.12 */ };

static inline int32_t tinynn_saturated16(int32_t x) { return tinynn_clamp(x, INT16_MIN, INT16_MAX); }

/* x times a multiplier and a power of two, as the variant has both. */
typedef int32_t tinynn_rescaling(int32_t x, int32_t multiplier, int32_t shift);

/* The cell's new value, and its output before the zero point. `gates`: both sums, saturated. */
static inline __attribute__((always_inline)) int32_t tinynn_lstm_cell(const struct tinynn_lstm *restrict p,
                                                                      const int32_t *gates, int16_t *restrict cell,
                                                                      tinynn_rescaling *rescale) {
  const int32_t keeps = tinynn_sigmoid_of(TINYNN_GATE_SCALE * gates[1]);
  const int32_t takes = tinynn_sigmoid_of(TINYNN_GATE_SCALE * gates[0]);
  const int32_t offered = tinynn_tanh_of(TINYNN_GATE_SCALE * gates[2]);
  const int32_t shows = tinynn_sigmoid_of(TINYNN_GATE_SCALE * gates[3]);
  const int32_t kept = tinynn_saturated16(rescale(keeps * *cell, p->keep_multiplier, p->keep_shift));
  const int32_t taken = tinynn_saturated16(rescale(takes * offered, p->update_multiplier, p->update_shift));
  int32_t value = tinynn_saturated16(kept + taken);
  if (p->clip > 0) {
    value = tinynn_clamp(value, -p->clip, p->clip);
  }
  *cell = (int16_t)value;
  const int32_t half = p->tanh_right_shift > 0 ? INT32_C(1) << (p->tanh_right_shift - 1) : 0;
  const int32_t shown = tinynn_tanh_of((value * p->tanh_multiplier + half) >> p->tanh_right_shift);
  return rescale(shows * shown, p->output_multiplier, p->output_shift);
}

/* The row of a batch's step among inputs and outputs. */
static inline int32_t tinynn_lstm_row(int32_t is_time_major, int32_t batches, int32_t steps, int32_t batch,
                                      int32_t step) {
  return is_time_major ? step * batches + batch : batch * steps + step;
}

#endif
