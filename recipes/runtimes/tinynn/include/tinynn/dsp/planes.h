/* The inner loops of the dsp variant of DEPTHWISE_CONV_2D with 5×5 and 7×7 taps, in planes.S: of one channel, as in
 * plane3x3.h, whose `row_bytes` lead from one row of taps to the next here.
 *
 * `taps`, aligned to 4 bytes: each row's pairs (0, 1), (2, 3) …, where what isn't there is 0; of stride 1 behind each
 * of them (-1, 0), (1, 2) … for the output at an odd column. Up to two columns behind the plane are read.
 */
#ifndef TINYNN_PLANES_H
#define TINYNN_PLANES_H

#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/plane3x3.h"

/* All output values of one channel; horizontal stride 1 or 2. `channel`: as in matrix.h. */
typedef void tinynn_plane_function(const struct tinynn_plane3x3 *plane, const tinynn_pair *taps,
                                   const struct tinynn_channel *channel);
tinynn_plane_function tinynn_plane5_stride1_dsp, tinynn_plane5_stride2_dsp;
tinynn_plane_function tinynn_plane7_stride1_dsp, tinynn_plane7_stride2_dsp;

#endif
