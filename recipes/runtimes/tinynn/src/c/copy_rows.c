/* CONCATENATION, SPLIT, PACK, UNPACK in portable C where rows are short: the copies of ref/copy.c. */
#include "tinynn.h"
#include "tinynn/pieces.h"

void tinynn_copy_rows_c(const struct tinynn_copy_rows *restrict p, const int8_t *restrict input,
                        int8_t *restrict output) {
  const struct tinynn_pieces pieces = {p->rows, p->bytes, p->input_pitch, p->output_pitch};
  tinynn_pieces_c(pieces, input, output);
}
