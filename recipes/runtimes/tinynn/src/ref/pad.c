/* PAD, PADV2: the input in the middle of `value`.
 *
 * Bit for bit Pad of TFLM (tensorflow/lite/kernels/internal/reference/pad.h).
 */
#include <string.h>

#include "tinynn.h"

/* Copy the input row by row to where it belongs in the output. */
static void place(const struct tinynn_pad *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  const int32_t *in = p->input_shape, *out = p->output_shape, *before = p->before;
  for (int32_t i = 0; i < in[0]; ++i) {
    for (int32_t j = 0; j < in[1]; ++j) {
      for (int32_t k = 0; k < in[2]; ++k) {
        for (int32_t l = 0; l < in[3]; ++l) {
          int32_t row = i + before[0];
          row = row * out[1] + j + before[1];
          row = row * out[2] + k + before[2];
          row = row * out[3] + l + before[3];
          memcpy(output + row * out[4] + before[4], input, (size_t)in[4]);
          input += in[4];
        }
      }
    }
  }
}

void tinynn_pad_ref(const struct tinynn_pad *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  int32_t elements = 1;
  for (int32_t axis = 0; axis < TINYNN_RANK; ++axis) {
    elements *= p->output_shape[axis];
  }
  memset(output, p->value, (size_t)elements);
  place(p, input, output);
}
