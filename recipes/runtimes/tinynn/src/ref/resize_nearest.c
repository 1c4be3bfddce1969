/* RESIZE_NEAREST_NEIGHBOR: out[n, y, x, c] = in[n, rows[y], columns[x], c]; the tables are made at build time.
 *
 * Bit for bit ResizeNearestNeighbor of TFLM (tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h).
 */
#include <string.h>

#include "tinynn.h"

void tinynn_resize_nearest_ref(const struct tinynn_resize_nearest *restrict p, const int8_t *restrict input,
                               int8_t *restrict output) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      const int8_t *row = input + p->rows[y] * p->input_width * p->channels;
      for (int32_t x = 0; x < p->output_width; ++x) {
        memcpy(output, row + p->columns[x] * p->channels, (size_t)p->channels);
        output += p->channels;
      }
    }
    input += p->input_height * p->input_width * p->channels;
  }
}
