/* CONV_2D in portable C. */
#define TILE_PIXELS 2
#define TILE_CHANNELS 2
#include "tinyi/tiles.h"

const struct tinyi_conv2d tinyi_conv2d_c = {pack, tinynn_conv2d_c, scratch_bytes, tinyi_row_bytes, TILE_CHANNELS, 1,
                                            NULL, TILE_PIXELS};
