/* MINIMUM and MAXIMUM, int8 of equal quantisation.
 *
 *   out[i] = min(left[i], right[i]), or max
 *
 * Bit for bit MaximumMinimumBroadcastSlow of TFLM (tensorflow/lite/kernels/internal/reference/maximum_minimum.h).
 */
#include "tinynn.h"
#include "tinynn/broadcast.h"

static int8_t minimum(const void *p, int32_t left, int32_t right) {
  (void)p;
  return (int8_t)(left < right ? left : right);
}

static int8_t maximum(const void *p, int32_t left, int32_t right) {
  (void)p;
  return (int8_t)(left > right ? left : right);
}

void tinynn_minimum_ref(const struct tinynn_minmax *restrict p, const int8_t *left, const int8_t *right,
                        int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = minimum(p, left[i], right[i]);
  }
}

void tinynn_maximum_ref(const struct tinynn_minmax *restrict p, const int8_t *left, const int8_t *right,
                        int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = maximum(p, left[i], right[i]);
  }
}

void tinynn_minimum_broadcast_ref(const struct tinynn_minmax *restrict p, const int8_t *left, const int8_t *right,
                                  int8_t *output) {
  tinynn_broadcast(&p->broadcast, minimum, p, left, right, output);
}

void tinynn_maximum_broadcast_ref(const struct tinynn_minmax *restrict p, const int8_t *left, const int8_t *right,
                                  int8_t *output) {
  tinynn_broadcast(&p->broadcast, maximum, p, left, right, output);
}
