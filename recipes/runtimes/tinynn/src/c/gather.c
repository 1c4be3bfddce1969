/* STRIDED_SLICE, SLICE, TRANSPOSE in portable C where the innermost axis is dense in the input, too: the formula of
 * ref/gather.c, a row at a time. */
#include <string.h>

#include "tinynn.h"
#include "tinynn/pieces.h"

enum { LONG = 16 /* bytes from which on memcpy pays */ };

void tinynn_gather_c(const struct tinynn_gather *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  const int32_t *strides = p->strides;
  const struct tinynn_pieces rows = {p->shape[3], p->shape[4], strides[3], p->shape[4]};
  for (int32_t i = 0; i < p->shape[0]; ++i) {
    for (int32_t j = 0; j < p->shape[1]; ++j) {
      for (int32_t k = 0; k < p->shape[2]; ++k) {
        const int8_t *from = input + p->offset + i * strides[0] + j * strides[1] + k * strides[2];
        if (rows.bytes < LONG) {
          tinynn_pieces_c(rows, from, output);
          output += rows.count * rows.bytes;
          continue;
        }
        for (int32_t l = 0; l < rows.count; ++l) {
          memcpy(output, from, (size_t)rows.bytes);
          output += rows.bytes;
          from += rows.from_pitch;
        }
      }
    }
  }
}
