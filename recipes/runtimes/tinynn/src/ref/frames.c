/* Windows that overlap, over all that was ever read, and back: SignalFramer, SignalStacker, SignalDelay, SignalOverlapAdd.
 *
 * Bit for bit what tflite-micro's signal/micro/kernels compute of what is valid. The rest is as if zeros had come before.
 */
#include <string.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"

static int16_t *copied(int16_t *to, const int16_t *from, int32_t count) {
  memcpy(to, from, (size_t)count * sizeof *to);
  return to + count;
}

/* Whether all windows were valid. */
void tinynn_signal_is_valid_ref(const struct tinynn_signal_frames *restrict p, const int32_t *state, uint8_t *output) {
  (void)p;
  output[0] = state[TINYNN_SEEN] == TINYNN_VALID;
}

/* Row by row, of the last `kept` values and `step` new ones: the first `size`. */
void tinynn_signal_frames_ref(const struct tinynn_signal_frames *restrict p, const int16_t *restrict input,
                              int32_t *restrict state, int16_t *restrict output) {
  int16_t *kept = (int16_t *)(state + TINYNN_FRAMES_STATE);
  if (p->repeats && state[TINYNN_SEEN] == TINYNN_NOTHING) {
    for (int32_t i = 0; i < p->kept; i += p->step) {
      copied(kept + i, input, p->step);
    }
  }
  const int32_t old = p->size < p->kept ? p->size : p->kept;
  const int32_t staying = p->kept > p->step ? p->kept - p->step : 0;
  for (int32_t row = 0; row < p->rows; ++row, kept += p->kept) {
    for (int32_t frame = 0; frame < p->frames; ++frame, input += p->step) {
      output = copied(copied(output, kept, old), input, p->size - old);
      memmove(kept, kept + (p->kept - staying), (size_t)staying * sizeof *kept);
      copied(kept + staying, input + p->step - (p->kept - staying), p->kept - staying);
    }
  }
  const int32_t waited = state[TINYNN_WAITED];
  state[TINYNN_SEEN] = waited >= p->waits ? TINYNN_VALID : TINYNN_TOO_LITTLE;
  state[TINYNN_WAITED] = waited >= p->waits ? p->waits - p->period + 1 : waited + p->frames;
}

static inline int16_t sum_int16(int16_t a, int16_t b) {
  return (int16_t)tinynn_clamp(a + b, INT16_MIN, INT16_MAX);
}

static inline float sum_float32(float a, float b) {
  return a + b;
}

/* state += in; out: the first `step` of state, which goes on by as many */
#define OVERLAP(name, type)                                                                                          \
  void tinynn_signal_overlap_##name##_ref(const struct tinynn_signal_overlap *restrict p,                            \
                                          const type *restrict input, type *restrict state, type *restrict output) { \
    const size_t staying = (size_t)(p->size - p->step), step = (size_t)p->step;                                      \
    for (int32_t row = 0; row < p->rows; ++row, state += p->size) {                                                  \
      for (int32_t frame = 0; frame < p->frames; ++frame, input += p->size, output += p->step) {                     \
        for (int32_t i = 0; i < p->size; ++i) {                                                                      \
          state[i] = sum_##name(state[i], input[i]);                                                                 \
        }                                                                                                            \
        memcpy(output, state, step * sizeof *state);                                                                 \
        memmove(state, state + step, staying * sizeof *state);                                                       \
        memset(state + staying, 0, step * sizeof *state);                                                            \
      }                                                                                                              \
    }                                                                                                                \
  }

OVERLAP(int16, int16_t)
OVERLAP(float32, float)
