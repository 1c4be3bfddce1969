/* The inner loops of the dsp variant of DEPTHWISE_CONV_2D with 3×3 taps, in plane3x3.S.
 *
 * One channel at a time lies in memory by itself, widened to 16 bits, padding around it: then two neighbouring columns
 * are one word, and one SMLAD takes two taps.
 */
#ifndef TINYNN_PLANE3X3_H
#define TINYNN_PLANE3X3_H

#include <stdint.h>

#include "tinynn.h"

struct tinynn_plane3x3 {
  const int16_t *plane; /* aligned to 4 bytes */
  int8_t *output;       /* the first pixel's value of this channel */
  int32_t output_pitch; /* bytes from one pixel to the next */
  int32_t output_width, output_height;
  int32_t row_bytes;        /* of the plane, a multiple of 4 */
  int32_t row_step_bytes;   /* vertical stride * row_bytes */
  int32_t zero;             /* 2 * output zero point + 1; of the short form the output zero point * 2^10 */
  int32_t output_rest;      /* of the short form: bytes from behind a row's outputs to the next row */
};

/* One channel's `width` × `height` values, `channels` bytes apart, widened; the rests lead from behind a row's
 * values to the next row. */
void tinynn_plane3x3_copy_dsp(int16_t *to, const int8_t *from, int32_t channels, int32_t width, int32_t height,
                              int32_t to_rest_bytes, int32_t from_rest_bytes);

/* The same of four channels, whose planes of `plane_bytes` lie one behind the other. */
void tinynn_plane3x3_copy_fours_dsp(int16_t *to, const int8_t *from, int32_t channels, int32_t width, int32_t height,
                                    int32_t to_rest_bytes, int32_t from_rest_bytes, int32_t plane_bytes);

/* All output values of one channel, horizontal stride 1 or 2. `taps`: nine int8, rows first; one byte more is read.
 * `channel`: as in matrix.h. */
void tinynn_plane3x3_stride1_dsp(const struct tinynn_plane3x3 *plane, const int8_t *taps,
                                 const struct tinynn_channel *channel);
void tinynn_plane3x3_stride2_dsp(const struct tinynn_plane3x3 *plane, const int8_t *taps,
                                 const struct tinynn_channel *channel);

/* The same in the short form. `record`: three words of three taps each, a byte in the first one behind them that is added
 * eight times to `zero`; offset and multiplier. */
void tinynn_plane3x3_short_stride1_dsp(const struct tinynn_plane3x3 *plane, const int32_t *record);
void tinynn_plane3x3_short_stride2_dsp(const struct tinynn_plane3x3 *plane, const int32_t *record);

#endif
