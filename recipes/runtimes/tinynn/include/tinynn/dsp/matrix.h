/* The inner loops of the dsp variants of CONV_2D and FULLY_CONNECTED, in matrix3.S and matrix1.S.
 *
 * Weights lie in pairs of output channels, a and b, two products in a word: a halfword is 256 * a + b (modulo 2^16).
 * So one SMLAD sums 256 * Σ x*a + Σ x*b, and after one SXTB16 another sums Σ x*b: the difference, an exact multiple
 * of 256, is the first channel's. That is one instruction less for four weights than to extend both channels. It needs
 * |Σ x*a| < 2^23, which layouts.py proves from the weights.
 *
 * In a group of four products k … k+3 the first word has k and k+2, the second k+1 and k+3: the order in which SXTB16
 * takes int8 activations apart.
 *
 * Channel records: bias; 2 * multiplier modulo 2^32; n - 1 for a rescale by 2^-n (see requantise.inc).
 */
#ifndef TINYNN_MATRIX_H
#define TINYNN_MATRIX_H

#include <stdint.h>

#include "tinynn.h"

enum { TINYNN_MATRIX_PIXELS = 3 };

struct tinynn_matrix {
  const int8_t *weights;
  const struct tinynn_channel *channels;
  const void *x;
  int8_t *output;
  union {
    int32_t output_pitch;   /* matrix3: bytes from one pixel's first channel to the next one's */
    int32_t excess;         /* matrix1_int4: 8 * Σ x */
  };
  int32_t groups;           /* of four products, ≥ 1 */
  int32_t blocks;           /* matrix3: pairs of channels; matrix1: pairs of pairs; ≥ 1 */
  union {
    int32_t zero_twice_plus1; /* 2 * output zero point + 1 */
    int32_t has_relu;         /* of int16: whether outputs below 0 become 0 */
  };
};

/* Three pixels by `blocks` pairs of channels. `x`: int16 activations, [2 * groups][3 pixels][2]. */
void tinynn_matrix3_dsp(const struct tinynn_matrix *matrix);

/* The same with weights of 16 bits (see conv2d_wide.c). */
void tinynn_matrix3_wide_dsp(const struct tinynn_matrix *matrix);

/* The same where requantisation has its short form; records lie between weights (see matrix3_short.S). */
void tinynn_matrix3_short_dsp(const struct tinynn_matrix *matrix);

/* Three pixels of int16 by pairs of channels a, b. `x`: [2 * groups][3 pixels][2]; weights: four of a, then four of b for
 * each group, in the order 0, 2, 1, 3. Outputs are int16, `output_pitch` in bytes; sums have 32 bits. Channel records:
 * bias; multiplier of 16 bits * 2^16; n for a rescale by 2^-n of the product's high word, n ≥ 1. */
void tinynn_matrix3_int16_dsp(const struct tinynn_matrix *matrix);

/* Weights of two channels for it, four values of each for each group; returns the end. */
uint32_t *tinynn_widen_rows2_dsp(uint32_t *to, const int8_t *a, const int8_t *b, int32_t groups);

/* Activations of three pixels for matrix3, four values of each for each group, both halves of `zeros` added; returns
 * the end. */
uint32_t *tinynn_widen3_dsp(uint32_t *to, const int8_t *const from[TINYNN_MATRIX_PIXELS], int32_t groups,
                            uint32_t zeros);

/* Activations of three pixels for matrix3_int16, `pairs` of each; returns the end. */
uint32_t *tinynn_interleave3_dsp(uint32_t *to, const int16_t *const from[TINYNN_MATRIX_PIXELS], int32_t pairs);

/* One row by `blocks` fours of outputs. `x`: int8 activations, [4 * groups], any alignment. Weights: for each group,
 * the first pair's two words, then the second's. */
void tinynn_matrix1_dsp(const struct tinynn_matrix *matrix);

/* One row by `blocks` eights of outputs with one scale, records among the weights (see matrix8.S); of the long form its own in
 * `channels`. */
void tinynn_matrix8_dsp(const struct tinynn_matrix *matrix);
void tinynn_matrix8_short_dsp(const struct tinynn_matrix *matrix);

/* matrix1 of weights of four bits, as tinynn/int4.h has them: bytes of both numbers of a pair are 8 more than they are. */
void tinynn_matrix1_int4_dsp(const struct tinynn_matrix *matrix);

#endif
