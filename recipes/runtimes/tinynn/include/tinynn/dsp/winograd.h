/* The inner loop of conv2d_winograd.c, in winograd.S. */
#ifndef TINYNN_DSP_WINOGRAD_H
#define TINYNN_DSP_WINOGRAD_H

#include <stdint.h>

#include "tinynn/dsp/instructions.h"

/* Places of a transformed tile, tiles that are multiplied at once, and channels. */
enum { TINYNN_PLACES = 16, TINYNN_TILES = 3, TINYNN_TWO_OUTPUTS = 2 };

/* Sums over all channels at each of the 16 places: [16][a of three tiles, b of three tiles].
 * `inputs`: [16][4 * eights words of two channels][3 tiles]; `weights`: [16][4 * eights words][a, b]. */
void tinynn_winograd_dsp(int32_t *sums, const tinynn_pair *inputs, const tinynn_pair *weights, int32_t eights);

#endif
