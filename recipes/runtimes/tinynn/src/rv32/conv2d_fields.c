/* CONV_2D for RV32IM by fields of 16 bits: tiles of 6 pixels by 2 channels (fields6x2.S).
 *
 * A word of two pixels, x0 + 65536 * x1, by a weight is both their products. The sums of a run of products stay inside
 * 16 bits whatever the pixels are, as layouts.py counts: |Σ x * w| < 2^15. Weights of two channels are runs: a byte of 16
 * times the length, [length][2]; after the last run a byte of 0. Records are those of backends/tinynn/lines.py.
 */
#define TILE_PIXELS 6
#define TILE_CHANNELS 2
#define TILE_PAIRS 3
#include "tinynn/tiled_conv2d.h"

void tinynn_fields6x2_rv32(const struct tinynn_tile *tile);

static inline void tile(const struct tinynn_tile *tile) { tinynn_fields6x2_rv32(tile); }

void tinynn_conv2d_fields_rv32(const struct tinynn_conv2d *restrict p, const int8_t *input,
                               int8_t *output, void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
