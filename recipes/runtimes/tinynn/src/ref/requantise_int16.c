/* RELU, RELU6 of int16, and QUANTIZE between integers where one side has more than 8 bits: the formula of requantise.c.
 *
 * Bit for bit ReluQuantized and Requantize of TFLM (tensorflow/lite/micro/kernels/activations_common.cc,
 * tensorflow/lite/kernels/internal/reference/requantize.h).
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"


#define REQUANTISE(from, to)                                                                                       \
  void tinynn_requantise_##from##_##to##_ref(const struct tinynn_requantise *restrict p, const from##_t *input,    \
                                             to##_t *output) {                                                     \
    for (int32_t i = 0; i < p->elements; ++i) {                                                                    \
      const int32_t centred = (int32_t)((uint32_t)input[i] - (uint32_t)p->input_zero_point);                       \
      const int32_t scaled = tinynn_rescale(centred, p->multiplier, p->shift);                                     \
      output[i] = (to##_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);     \
    }                                                                                                              \
  }

REQUANTISE(int16, int16)
REQUANTISE(int16, int8)
REQUANTISE(int8, int16)
REQUANTISE(int16, int32)
REQUANTISE(int8, int32)
REQUANTISE(int32, int16)
REQUANTISE(int32, int8)
