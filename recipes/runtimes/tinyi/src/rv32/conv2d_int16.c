/* CONV_2D of int16 for RV32IM. */
#define TILE_PIXELS 2
#define TILE_CHANNELS 4
#define TILE_ELEMENT int16_t
#define TILE_RECORDS tinyi_narrow_records
#include "tinyi/tiles.h"

static void compute(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                    void *restrict scratch) {
  tinynn_conv2d_int16_rv32(p, (const int16_t *)(const void *)input, (int16_t *)(void *)output, scratch);
}

const struct tinyi_conv2d tinyi_conv2d_int16_rv32 = {
    pack, compute, scratch_bytes, tinyi_row_bytes, TILE_CHANNELS, 1, NULL, TILE_PIXELS};
