/* The inner loops of conv2d_winograd.c, in winograd.S.
 *
 * Transformed tiles and weights have 16 places, column by column, rows in the order 1, 2, 0, 3; row 3 of inputs is taken
 * with the other sign, so that the sums of a column are added up from place to place.
 */
#ifndef TINYNN_DSP_WINOGRAD_H
#define TINYNN_DSP_WINOGRAD_H

#include <stdint.h>

#include "tinynn.h"
#include "tinynn/dsp/instructions.h"

/* Places of a transformed tile, tiles and outputs that are multiplied at once. */
enum { TINYNN_TILE_PLACES = 16, TINYNN_TILES = 3, TINYNN_TWO_OUTPUTS = 2 };

/* Read by winograd.S. */
struct tinynn_winograd {
  const tinynn_pair *inputs;             /* [groups][16][4 * eights words of two channels][3 tiles] */
  const tinynn_pair *weights;            /* [16][4 * eights words][a, b] */
  const struct tinynn_channel *channels; /* of a and b, as in matrix.h */
  int8_t *const *places;                 /* [groups][3 tiles][4 outputs]: channel 0 of each */
  int32_t output;                        /* the number of a */
  int32_t zero_twice_plus1;              /* 2 * output zero point + 1 */
  int32_t eights;                        /* of input channels, >= 1 */
  int32_t groups;                        /* >= 1 */
};

/* The outputs a and b of all tiles. */
void tinynn_winograd_dsp(const struct tinynn_winograd *winograd);

/* One tile of a group, of 4x4 pixels row by row, and one output's weights, [9][channels]; channels in whole fours. */
void tinynn_winograd_inputs_dsp(tinynn_pair *to, const int8_t *const pixels[16], int32_t channels);
void tinynn_winograd_weights_dsp(tinynn_pair *to, const int8_t *weights, int32_t channels);

#endif
