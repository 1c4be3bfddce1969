/* Bytes to another address: RESHAPE and its like as a whole; CONCATENATION, SPLIT, PACK and UNPACK in rows. */
#include <string.h>

#include "tinynn.h"

void tinynn_copy_ref(const struct tinynn_copy *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  memcpy(output, input, (size_t)p->bytes);
}

void tinynn_copy_rows_ref(const struct tinynn_copy_rows *restrict p, const int8_t *restrict input,
                          int8_t *restrict output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    memcpy(output + row * p->output_pitch, input + row * p->input_pitch, (size_t)p->bytes);
  }
}
