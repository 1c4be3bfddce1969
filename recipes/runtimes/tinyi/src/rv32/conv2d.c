/* CONV_2D for RV32IM. */
#define TILE_PIXELS 4
#define TILE_CHANNELS 4
#include "tinyi/tiles.h"

const struct tinyi_conv2d tinyi_conv2d_rv32 = {
    pack, tinynn_conv2d_rv32, scratch_bytes, tinyi_row_bytes, TILE_CHANNELS, 1, NULL, TILE_PIXELS};
