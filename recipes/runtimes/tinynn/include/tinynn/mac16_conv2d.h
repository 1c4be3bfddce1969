/* CONV_2D by Xtensa's MAC16: tiles of 10 pixels, whose values are halves in scratch (mac16.h). Packing: rows filled up to fours. */
#ifndef TINYNN_MAC16_CONV2D_H
#define TINYNN_MAC16_CONV2D_H

#include "tinynn/mac16.h"

#define TILE_PIXELS 10
#define TILE_CHANNELS 1
#define TILE_STEP 4
#define TILE_HALVES
#include "tinynn/tiled_conv2d.h"

#endif
