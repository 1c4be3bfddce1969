/* STRIDED_SLICE, SLICE, TRANSPOSE: elements at regular places.
 *
 *   out[i0, …, i4] = in[offset + Σ i_axis * strides[axis]]
 */
#include "tinynn.h"

void tinynn_gather_ref(const struct tinynn_gather *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  const int32_t *strides = p->strides;
  for (int32_t i = 0; i < p->shape[0]; ++i) {
    for (int32_t j = 0; j < p->shape[1]; ++j) {
      for (int32_t k = 0; k < p->shape[2]; ++k) {
        for (int32_t l = 0; l < p->shape[3]; ++l) {
          const int8_t *from =
              input + p->offset + i * strides[0] + j * strides[1] + k * strides[2] + l * strides[3];
          for (int32_t m = 0; m < p->shape[4]; ++m) {
            *output++ = from[m * strides[4]];
          }
        }
      }
    }
  }
}
