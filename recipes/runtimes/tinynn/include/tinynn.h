/* tinynn: int8 and int16 neural network kernels for chips without an operating system.
 *
 * Every operator has one struct of constants, fixed at build time, and one function for each variant:
 *   tinynn_conv2d_ref   clear and generic: the definition
 *   tinynn_conv2d_c     fast in portable C
 *   tinynn_conv2d_dsp   Armv7E-M and Armv8-M with the DSP extension
 *   tinynn_conv2d_rv32  RV32IM
 *   tinynn_conv2d_mve   Armv8.1-M with Helium
 *   tinynn_conv2d_neon  Cortex-A with Advanced SIMD, in 32 or 64 bits
 *   tinynn_conv2d_rvv   RISC-V with the vector extension 1.0 (or Zve32x), vectors of 128 bits and more
 * All variants of an operator take the same struct and give the same bytes; they differ in how `weights` and `channels`
 * are laid out and in the scratch that they need. tinyflow/backends/tinynn chooses the function for a layer,
 * packs its constants and says how much scratch it needs. Only the functions that are called get linked.
 *
 * Conventions
 * - Tensors are dense, [N, H, W, C], aligned to their elements, those of 64 bits to 4 bytes: int8 may lie anywhere.
 *   Weights, channel records and scratch are aligned to 4 bytes.
 * - real = scale * (integer - zero_point).
 * - A multiplier in [2^30, 2^31) (or 0) and a shift in [-31, 30] stand for `multiplier / 2^31 * 2^shift`; products are
 *   rounded twice, as MultiplyByQuantizedMultiplier of TFLM's reference kernels does. See tinynn/fixed_point.h.
 * - `lowest` and `highest` clamp the output: the fused activation, at most [-128, 127].
 * - Input and output may be the same address only where a comment says "in place".
 */
#ifndef TINYNN_H
#define TINYNN_H

#include <stdint.h>

#include "tinynn/float32.h"
#include "tinynn/recurrent.h"

/* Axes of the operators that take any shape; a tensor of fewer axes has ones in front. */
#define TINYNN_RANK 5
/* Axes of those that move bytes from any places to any others, among them one for the bytes of an element. */
#define TINYNN_AXES 8
/* The largest shift of kernels that only shift to the right: beyond it their rounding offset could leave 31 bits. */
#define TINYNN_LARGEST_RIGHT_SHIFT 22
/* Elements of a window whose sum has 16 bits. */
#define TINYNN_NARROW_WINDOW 255

/* Elements of 64 bits, wherever a tensor may lie. */
typedef int64_t tinynn_int64 __attribute__((aligned(4)));
typedef uint64_t tinynn_uint64 __attribute__((aligned(4)));

/* One output channel of a convolution or row of a fully connected layer. `bias` has the input's zero point folded in:
 * bias - input_zero_point * Σ weights. The encoding of `multiplier` and `shift` is the variant's (see layouts.py);
 * for ref and c they are the ones above. */
struct tinynn_channel {
  int32_t bias;
  int32_t multiplier;
  int32_t shift;
};

/* The same of a layer with int16 inputs: `bias` has 64 bits, the lower half first. A multiplier below 2^15 stands for
 * `multiplier / 2^15 * 2^shift`, times a sum of 64 bits; any other is that of int8, for a sum of 32 bits (biases of
 * int32). See tinynn/wide.h. */
struct tinynn_wide_channel {
  int32_t bias, bias_high;
  int32_t multiplier;
  int32_t shift;
};

/* CONV_2D. Weights in ref: [output_channels, kernel_height, kernel_width, input_channels].
 * The padding's rows and columns on the far side follow from the shapes; padding holds `input_zero_point`. */
struct tinynn_conv2d {
  const int8_t *weights;
  const struct tinynn_channel *channels; /* [output_channels] */
  int32_t batches;
  int32_t input_height, input_width, input_channels;
  int32_t output_height, output_width, output_channels;
  int32_t output_pitch; /* bytes from one pixel's first channel to the next one's: output_channels, or more */
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  int32_t input_zero_point, output_zero_point;
  int32_t lowest, highest;
};

/* The same of 3x3 taps and stride 1 by Winograd's F(2x2, 3x3), for input channels in whole eights and even outputs.
 * Weights as in ref, or transformed by layouts.py: [pairs of outputs][16][input_channels / 2][a, b] pairs of int16. */
struct tinynn_conv2d_winograd {
  struct tinynn_conv2d conv2d;
  int32_t groups;         /* of three tiles of 2x2 outputs that are transformed at once, >= 1 */
  int32_t is_transformed; /* weights; else it is done on the chip, once for so many groups */
};

/* DEPTHWISE_CONV_2D. Weights in ref: [kernel_height, kernel_width, output_channels]; output channel c reads input
 * channel c / depth_multiplier. */
struct tinynn_depthwise {
  const int8_t *weights;
  const struct tinynn_channel *channels; /* [output_channels] */
  int32_t batches;
  int32_t input_height, input_width, input_channels;
  int32_t output_height, output_width, output_channels;
  int32_t depth_multiplier;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  int32_t input_zero_point, output_zero_point;
  int32_t lowest, highest;
};

/* Both with a zero point of the weights, as networks of uint8 have it. The records' biases have both folded in:
 * bias - input_zero_point * Σ (weights - weight_zero_point). */
struct tinynn_conv2d_asymmetric {
  struct tinynn_conv2d conv2d;
  int32_t weight_zero_point;
};
struct tinynn_depthwise_asymmetric {
  struct tinynn_depthwise depthwise;
  int32_t weight_zero_point;
};

/* FULLY_CONNECTED, per tensor (all records have one multiplier) or per channel. Weights in ref: [outputs, inputs]. */
struct tinynn_fully_connected {
  const int8_t *weights;
  const struct tinynn_channel *channels; /* [outputs] */
  int32_t batches, inputs, outputs;
  int32_t output_zero_point;
  int32_t lowest, highest;
  /* dsp, mve, rvv: [outputs], then `channels` is one record for all, whose own bias is not read; NULL else, and in ref
   * and c. */
  const int32_t *biases;
};

/* The three for kernels that want a layer's arrays apart and as the model has them: weights as in ref, `biases` without
 * the input's zero point folded in, `multipliers` and `shifts` as above. `channels` is NULL. */
struct tinynn_conv2d_apart {
  struct tinynn_conv2d conv2d;
  const int32_t *biases, *multipliers, *shifts; /* [output_channels] each */
};
struct tinynn_depthwise_apart {
  struct tinynn_depthwise depthwise;
  const int32_t *biases, *multipliers, *shifts;
};
struct tinynn_fully_connected_apart {
  struct tinynn_fully_connected fully_connected;
  int32_t input_zero_point;
  const int32_t *biases, *multipliers, *shifts; /* [outputs] each, equal ones where the layer has one scale */
};

/* The three with weights of four bits, of which `words` are packed (tinynn/int4.h): a block is as many outputs as are
 * computed at once, `block_words` its weights; `output_pitch` or `outputs` are all. */
struct tinynn_conv2d_int4 {
  struct tinynn_conv2d block; /* the first one */
  int32_t words, block_words;
};
struct tinynn_depthwise_int4 {
  struct tinynn_depthwise all;
  int32_t words;
};
struct tinynn_fully_connected_int4 {
  struct tinynn_fully_connected block;
  int32_t outputs;
  int32_t words, block_words;
};

/* FULLY_CONNECTED over rows of weights as a model has them, [outputs][inputs] in every variant; the input's zero point is
 * subtracted from the inputs. */
struct tinynn_rows {
  const int8_t *weights;
  const int32_t *bias;                   /* [outputs], or NULL */
  /* [outputs], or one record for all; their biases are not read; mve and rvv: shifts from -31 to -1 */
  const struct tinynn_channel *channels;
  int32_t is_per_channel;
  int32_t batches, inputs, outputs;
  int32_t input_zero_point, output_zero_point;
  int32_t lowest, highest;
  int32_t widened;    /* dsp: the first inputs, a multiple of 8, that have room in scratch as int16 */
  int32_t is_widened; /* they lie there, from a call with the same ones; batches: 1 */
};

/* AVERAGE_POOL_2D, MAX_POOL_2D: elements outside the input do not count. */
struct tinynn_pool {
  int32_t batches;
  int32_t input_height, input_width, channels;
  int32_t output_height, output_width;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t pad_top, pad_left;
  int32_t lowest, highest;
};

/* Some rows of an image of which all pixels are added up, in sums that stay in scratch. */
struct tinynn_row_sums {
  int32_t pixels, channels;
  int32_t is_first; /* of the image's rows */
  int32_t count;    /* pixels of the image where these are its last rows, and the output is written; else 0 */
};

/* AVERAGE_POOL_2D whose window is the image, by rows. */
struct tinynn_pool_rows {
  struct tinynn_row_sums rows;
  int32_t lowest, highest;
};

/* How two inputs meet in an element-wise operator: `shape` is the output's, a stride is in elements and 0 where an
 * input is repeated along an axis. */
struct tinynn_broadcast {
  int32_t shape[TINYNN_RANK];
  int32_t left_strides[TINYNN_RANK];
  int32_t right_strides[TINYNN_RANK];
};

/* ADD, SUB. Each input: (value - zero_point) << left_shift, times its multiplier; the sum, times the output's.
 * TFLM's left_shift is 20. Shifts of the multipliers are ≤ 0 for the inputs. */
struct tinynn_add {
  int32_t elements;
  int32_t left_shift;
  int32_t left_zero_point, left_multiplier, left_multiplier_shift;
  int32_t right_zero_point, right_multiplier, right_multiplier_shift;
  int32_t output_zero_point, output_multiplier, output_multiplier_shift;
  int32_t lowest, highest;
  struct tinynn_broadcast broadcast; /* read by the *_broadcast functions only, which ignore `elements` */
};

/* ADD, SUB as a linear function of both inputs: see dsp/add_linear.c and c/add_linear.c. */
struct tinynn_add_linear {
  int32_t elements;
  int32_t left, right, constant;
  int32_t lowest, highest;
};

/* MUL. */
struct tinynn_mul {
  int32_t elements;
  int32_t left_zero_point, right_zero_point;
  int32_t output_zero_point, output_multiplier, output_multiplier_shift;
  int32_t lowest, highest;
  struct tinynn_broadcast broadcast; /* read by the *_broadcast functions only */
};

/* MINIMUM, MAXIMUM of tensors with equal quantisation. */
struct tinynn_minmax {
  int32_t elements;
  struct tinynn_broadcast broadcast; /* read by the *_broadcast functions only */
};

/* Operators of two inputs of plain integers, float32 or truth values. */
struct tinynn_pairs {
  struct tinynn_broadcast broadcast;
  int32_t lowest, highest; /* of sums, differences, products and quotients */
};

/* PRELU: `alpha` are the slopes below 0. */
struct tinynn_prelu {
  int32_t input_zero_point, alpha_zero_point, output_zero_point;
  int32_t identity_multiplier, identity_shift;
  int32_t alpha_multiplier, alpha_shift;
  struct tinynn_broadcast broadcast;
};

/* BATCH_MATMUL, whose batches are broadcast: the last three of these axes; strides in elements. */
struct tinynn_matmul {
  const int32_t *bias; /* [columns], or NULL */
  struct tinynn_broadcast batches;
  int32_t rows, columns, depth;
  int32_t left_row, left_step, right_column, right_step;
  int32_t left_zero_point, right_zero_point, output_zero_point;
  int32_t multiplier, shift;
  int32_t lowest, highest;
};

/* ARG_MAX, ARG_MIN: along the middle one of three axes. */
struct tinynn_along {
  int32_t outer, size, inner;
  int32_t is_wide; /* outputs are int64, not int32 */
};

/* CUMSUM: along the middle one of three axes. ADD_N: of `size` inputs of `inner` elements. L2_NORMALIZATION: of `outer`
 * rows of `size`. */
struct tinynn_totals {
  int32_t outer, size, inner;
  int32_t is_exclusive, is_reversed;
  int32_t input_zero_point, output_zero_point;
  int32_t multiplier, shift;
};

/* LOG_SOFTMAX: as tinynn_softmax; what `reverse_…` makes of the least that 32 bits hold is no longer told apart. */
struct tinynn_log_softmax {
  int32_t rows, columns;
  int32_t multiplier, left_shift;
  int32_t reverse_multiplier, reverse_shift;
  int32_t least_difference;
};

/* CAST: types as in TFLite's enumeration TensorType. */
struct tinynn_cast {
  int32_t elements, from, to;
};

/* SOFTMAX over the last axis: `rows` of `columns`. `multiplier`, `left_shift`: PreprocessSoftmaxScaling; a
 * difference to the row's largest below `least_difference` counts as 0. */
struct tinynn_softmax {
  int32_t rows, columns;
  int32_t multiplier, left_shift;
  int32_t least_difference;
};

/* SOFTMAX with a table: `exponentials` of differences 0, -1, … -255 to the row's largest, Q0.31. */
struct tinynn_softmax_table {
  const int32_t *exponentials; /* [256] */
  int32_t rows, columns;
};

/* LOGISTIC, TANH: (value - input_zero_point) times multiplier is Q4.27; beyond ± input_range_radius the function is
 * saturated. */
struct tinynn_sigmoid {
  int32_t elements;
  int32_t input_zero_point, input_range_radius;
  int32_t multiplier, left_shift;
};

/* The same of int16: value * multiplier / 2^right_shift is the value's place in a table: src/ref/functions_int16.c. */
struct tinynn_sigmoid_int16 {
  int32_t elements;
  int32_t multiplier, right_shift;
};

/* RELU, RELU6, RELU_N1_TO_1, and QUANTIZE from int8: (value - input_zero_point) times multiplier. An output of uint8,
 * between 0 and 255, has the same bytes. `…_uint8` reads uint8. */
struct tinynn_requantise {
  int32_t elements;
  int32_t input_zero_point, output_zero_point;
  int32_t multiplier, shift;
  int32_t lowest, highest;
};

/* LEAKY_RELU: one multiplier for values ≥ 0, one for the others. */
struct tinynn_leaky_relu {
  int32_t elements;
  int32_t input_zero_point, output_zero_point;
  int32_t identity_multiplier, identity_shift;
  int32_t alpha_multiplier, alpha_shift;
};

/* HARD_SWISH: 16-bit fixed point, see hard_swish.c. */
struct tinynn_hard_swish {
  int32_t elements;
  int32_t input_zero_point, output_zero_point;
  int32_t output_multiplier, output_shift;   /* of 16 bits: [2^14, 2^15) */
  int32_t reluish_multiplier, reluish_shift; /* of 16 bits */
};

/* Any function of one int8 value, as a table: what LOGISTIC, TANH, RELU, … become in the fast variants. */
struct tinynn_lookup {
  const int8_t *table; /* [256], for the values -128 … 127 */
  int32_t elements;
};

/* QUANTIZE from float32, DEQUANTIZE to float32. */
struct tinynn_affine {
  int32_t elements;
  float scale;
  int32_t zero_point;
};

/* RESHAPE, SQUEEZE, EXPAND_DIMS: a copy, for where both tensors can't share one address. */
struct tinynn_copy {
  int32_t bytes;
};

/* CONCATENATION (one call for each input), SPLIT, UNPACK, PACK (one for each part): `rows` pieces of `bytes`, each
 * `…_pitch` bytes behind the one before. The caller adds the offset of the first piece to its pointer. */
struct tinynn_copy_rows {
  int32_t rows, bytes;
  int32_t input_pitch, output_pitch;
};

/* STRIDED_SLICE, SLICE, TRANSPOSE: output element [i0, i1, …] is input element `offset + Σ i * strides[axis]`. */
struct tinynn_gather {
  int32_t shape[TINYNN_RANK]; /* the output's */
  int32_t strides[TINYNN_RANK];
  int32_t offset;
};

/* What other operators that move elements become: several of these, or one: byte [i0, i1, …] of the pieces is at
 * Σ i * strides[axis] in both tensors. The caller adds where they begin to its pointers. */
struct tinynn_move {
  int32_t shape[TINYNN_AXES];
  int32_t input_strides[TINYNN_AXES];
  int32_t output_strides[TINYNN_AXES];
};

/* `bytes` of one value. */
struct tinynn_fill {
  int32_t bytes, value;
};

/* Bytes that are known at build time. */
struct tinynn_constant {
  const int8_t *values;
  int32_t bytes;
};

/* GATHER, EMBEDDING_LOOKUP: of each row, `size` pieces of `bytes`, those with the indices of its batch, int32. An index
 * that leads outside is the nearest one that doesn't. */
struct tinynn_take {
  int32_t batches, rows, size, bytes;
  int32_t indices; /* of each batch */
};

/* GATHER_ND: pieces of `bytes` whose `axes` indices are told, int32; the same of indices that lead outside. */
struct tinynn_take_nd {
  int32_t indices, axes, bytes;
  int32_t shape[TINYNN_RANK];
};

/* SELECT_V2: elements of `bytes`, the left ones where a condition is not 0. */
struct tinynn_select {
  int32_t bytes;
  struct tinynn_broadcast broadcast;
  int32_t condition_strides[TINYNN_RANK];
};

/* PAD, PADV2: `before[axis]` elements of `value` in front. */
struct tinynn_pad {
  int32_t input_shape[TINYNN_RANK];
  int32_t output_shape[TINYNN_RANK];
  int32_t before[TINYNN_RANK];
  int32_t value;
};

/* MEAN: sums over the axes whose `reduced` is 1, then (sum - count * input_zero_point) times multiplier. */
struct tinynn_mean {
  int32_t shape[TINYNN_RANK]; /* the input's */
  int32_t reduced[TINYNN_RANK];
  int32_t input_zero_point, output_zero_point;
  int32_t multiplier, shift;
};

/* MEAN of an image by rows. */
struct tinynn_mean_rows {
  struct tinynn_row_sums rows;
  int32_t input_zero_point, output_zero_point;
  int32_t multiplier, shift;
};

/* RESIZE_BILINEAR: inputs from one output to the next along each axis, with 10 fraction bits. */
struct tinynn_resize_bilinear {
  int32_t batches;
  int32_t input_height, input_width, channels;
  int32_t output_height, output_width;
  int32_t row_scale, column_scale;
  int32_t is_centred;
};

/* RESIZE_NEAREST_NEIGHBOR: output [y, x] is input [rows[y], columns[x]]. */
struct tinynn_resize_nearest {
  const int32_t *rows;    /* [output_height] */
  const int32_t *columns; /* [output_width] */
  int32_t batches;
  int32_t input_height, input_width, channels;
  int32_t output_height, output_width;
};

/* Convolutions and others that need memory. `scratch` is what backends/tinynn says for the function, or NULL where that
 * is 0.
 *
 * The output may lie over what a convolution or pool that walks from pixel to pixel has read (docs/kernel-table.md), so the
 * definitions have no `restrict` there: that of a declaration doesn't count. Those of mve and armv6m have it. No byte that
 * they read was written before, and what they write depends on all that they read of it; without it mve's take 2 % more. */
#define TINYNN_SCRATCH(function, parameters)                                                                \
  void function(const struct parameters *restrict p, const int8_t *restrict input, int8_t *restrict output, \
                void *restrict scratch)

TINYNN_SCRATCH(tinynn_conv2d_ref, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_depthwise_ref, tinynn_depthwise);
TINYNN_SCRATCH(tinynn_conv2d_asymmetric_ref, tinynn_conv2d_asymmetric);
TINYNN_SCRATCH(tinynn_depthwise_asymmetric_ref, tinynn_depthwise_asymmetric);
TINYNN_SCRATCH(tinynn_fully_connected_ref, tinynn_fully_connected);
TINYNN_SCRATCH(tinynn_conv2d_c, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_fully_connected_c, tinynn_fully_connected);
TINYNN_SCRATCH(tinynn_average_pool_c, tinynn_pool);
TINYNN_SCRATCH(tinynn_average_pool_rows_ref, tinynn_pool_rows);
TINYNN_SCRATCH(tinynn_mean_rows_ref, tinynn_mean_rows);
TINYNN_SCRATCH(tinynn_rows_ref, tinynn_rows);
TINYNN_SCRATCH(tinynn_rows_c, tinynn_rows);
TINYNN_SCRATCH(tinynn_rows_dsp, tinynn_rows);
TINYNN_SCRATCH(tinynn_rows_mve, tinynn_rows);
TINYNN_SCRATCH(tinynn_rows_rv32, tinynn_rows);
TINYNN_SCRATCH(tinynn_rows_rvv, tinynn_rows);
TINYNN_SCRATCH(tinynn_conv2d_rv32, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_conv2d_fields_rv32, tinynn_conv2d); /* weights small enough for sums of 16 bits */
TINYNN_SCRATCH(tinynn_conv2d_words_armv6m, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_conv2d_right_armv6m, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_depthwise3x3_line_armv6m, tinynn_depthwise);
TINYNN_SCRATCH(tinynn_conv2d_line_mac16, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_conv2d_right_mac16, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_depthwise3x3_line_mac16, tinynn_depthwise);
TINYNN_SCRATCH(tinynn_depthwise3x3_right_mac16, tinynn_depthwise);
TINYNN_SCRATCH(tinynn_fully_connected_mac16, tinynn_fully_connected);
TINYNN_SCRATCH(tinynn_conv2d_dsp, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_conv2d_lines_dsp, tinynn_conv2d); /* kernels whose rows are a few values */
TINYNN_SCRATCH(tinynn_conv2d_lines_short_dsp, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_conv2d_short_dsp, tinynn_conv2d); /* records among the weights */
TINYNN_SCRATCH(tinynn_conv2d_wide_dsp, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_conv2d_winograd_dsp, tinynn_conv2d_winograd);
TINYNN_SCRATCH(tinynn_fully_connected_dsp, tinynn_fully_connected);
TINYNN_SCRATCH(tinynn_fully_connected_eights_dsp, tinynn_fully_connected); /* one scale; biases among the weights */
TINYNN_SCRATCH(tinynn_fully_connected_eights_short_dsp, tinynn_fully_connected);
TINYNN_SCRATCH(tinynn_conv2d_mve, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_conv2d3x3_mve, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_conv2d_rows_mve, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_fully_connected_mve, tinynn_fully_connected);
TINYNN_SCRATCH(tinynn_average_pool_mve, tinynn_pool);
TINYNN_SCRATCH(tinynn_depthwise_mve, tinynn_depthwise);
TINYNN_SCRATCH(tinynn_conv2d_neon, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_fully_connected_neon, tinynn_fully_connected);
TINYNN_SCRATCH(tinynn_conv2d_rvv, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_conv2d_columns_rvv, tinynn_conv2d);
TINYNN_SCRATCH(tinynn_fully_connected_rvv, tinynn_fully_connected);
TINYNN_SCRATCH(tinynn_average_pool_rvv, tinynn_pool);
TINYNN_SCRATCH(tinynn_depthwise_rvv, tinynn_depthwise);

TINYNN_SCRATCH(tinynn_conv2d_int4_ref, tinynn_conv2d_int4);
TINYNN_SCRATCH(tinynn_conv2d_int4_c, tinynn_conv2d_int4);
TINYNN_SCRATCH(tinynn_conv2d_int4_rv32, tinynn_conv2d_int4);
TINYNN_SCRATCH(tinynn_conv2d_int4_dsp, tinynn_conv2d_int4);
TINYNN_SCRATCH(tinynn_conv2d_lines_int4_dsp, tinynn_conv2d_int4);
TINYNN_SCRATCH(tinynn_conv2d_int4_mve, tinynn_conv2d_int4);
TINYNN_SCRATCH(tinynn_conv2d_int4_neon, tinynn_conv2d_int4);
TINYNN_SCRATCH(tinynn_conv2d_int4_rvv, tinynn_conv2d_int4);
TINYNN_SCRATCH(tinynn_fully_connected_int4_ref, tinynn_fully_connected_int4);
TINYNN_SCRATCH(tinynn_fully_connected_int4_c, tinynn_fully_connected_int4);
TINYNN_SCRATCH(tinynn_fully_connected_int4_dsp, tinynn_fully_connected_int4);
TINYNN_SCRATCH(tinynn_fully_connected_int4_mve, tinynn_fully_connected_int4);
TINYNN_SCRATCH(tinynn_fully_connected_int4_neon, tinynn_fully_connected_int4);
TINYNN_SCRATCH(tinynn_fully_connected_int4_rvv, tinynn_fully_connected_int4);

/* The same, in place where the output is no larger than the input. */
#define TINYNN_SCRATCH_IN_PLACE(function, parameters) \
  void function(const struct parameters *restrict p, const int8_t *input, int8_t *output, void *restrict scratch)

TINYNN_SCRATCH_IN_PLACE(tinynn_softmax_c, tinynn_softmax);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_c, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_dsp, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_row_dsp, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_pixel_dsp, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_c, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_rv32, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_line_rv32, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_dsp, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_fours_dsp, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_short_dsp, tinynn_depthwise); /* records with the taps */
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_fours_short_dsp, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_mve, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_neon, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_rvv, tinynn_depthwise);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_int4_ref, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_int4_c, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_int4_c, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_int4_dsp, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_int4_rv32, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_int4_dsp, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_row_int4_dsp, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_pixel_int4_dsp, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_int4_mve, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_int4_mve, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_int4_neon, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise_int4_rvv, tinynn_depthwise_int4);
TINYNN_SCRATCH_IN_PLACE(tinynn_depthwise3x3_int4_rvv, tinynn_depthwise_int4);

/* One input, one output. */
#define TINYNN_UNARY(function, parameters) \
  void function(const struct parameters *restrict p, const int8_t *restrict input, int8_t *restrict output)

TINYNN_UNARY(tinynn_average_pool_ref, tinynn_pool);
TINYNN_UNARY(tinynn_average_pool_dsp, tinynn_pool);
TINYNN_UNARY(tinynn_max_pool_ref, tinynn_pool);
TINYNN_UNARY(tinynn_max_pool_c, tinynn_pool);
TINYNN_UNARY(tinynn_max_pool_dsp, tinynn_pool);
TINYNN_UNARY(tinynn_copy_ref, tinynn_copy);
TINYNN_UNARY(tinynn_copy_rows_ref, tinynn_copy_rows);
TINYNN_UNARY(tinynn_copy_rows_c, tinynn_copy_rows);
TINYNN_UNARY(tinynn_gather_ref, tinynn_gather);
TINYNN_UNARY(tinynn_gather_c, tinynn_gather);
TINYNN_UNARY(tinynn_gather_mve, tinynn_gather);
TINYNN_UNARY(tinynn_gather_rvv, tinynn_gather);
TINYNN_UNARY(tinynn_transpose_c, tinynn_gather);
TINYNN_UNARY(tinynn_move_ref, tinynn_move);
TINYNN_UNARY(tinynn_transpose_conv_ref, tinynn_conv2d);
TINYNN_UNARY(tinynn_resize_bilinear_ref, tinynn_resize_bilinear);
TINYNN_UNARY(tinynn_cumsum_ref, tinynn_totals);
TINYNN_UNARY(tinynn_pad_ref, tinynn_pad);
TINYNN_FLOAT32_UNARY(tinynn_mean_float32_ref, tinynn_mean); /* scales are not read */
TINYNN_FLOAT32_UNARY(tinynn_sum_float32_ref, tinynn_mean);
TINYNN_FLOAT32_UNARY(tinynn_reduce_max_float32_ref, tinynn_mean);
TINYNN_FLOAT32_UNARY(tinynn_reduce_min_float32_ref, tinynn_mean);
TINYNN_UNARY(tinynn_mean_ref, tinynn_mean);
TINYNN_UNARY(tinynn_mean_c, tinynn_mean);
TINYNN_UNARY(tinynn_mean_dsp, tinynn_mean);
TINYNN_UNARY(tinynn_resize_nearest_ref, tinynn_resize_nearest);
TINYNN_UNARY(tinynn_resize_nearest_c, tinynn_resize_nearest);

/* One input, one output of the same shape; in place: input and output may be the same address. */
#define TINYNN_UNARY_IN_PLACE(function, parameters) \
  void function(const struct parameters *restrict p, const int8_t *input, int8_t *output)

TINYNN_UNARY_IN_PLACE(tinynn_softmax_ref, tinynn_softmax);
TINYNN_UNARY_IN_PLACE(tinynn_log_softmax_ref, tinynn_log_softmax);
TINYNN_UNARY_IN_PLACE(tinynn_l2_normalization_ref, tinynn_totals);
TINYNN_UNARY_IN_PLACE(tinynn_abs_ref, tinynn_requantise);
TINYNN_UNARY_IN_PLACE(tinynn_rsqrt_ref, tinynn_requantise);
TINYNN_UNARY_IN_PLACE(tinynn_logical_not_ref, tinynn_copy);
TINYNN_UNARY_IN_PLACE(tinynn_logistic_ref, tinynn_sigmoid);
TINYNN_UNARY_IN_PLACE(tinynn_tanh_ref, tinynn_sigmoid);
TINYNN_UNARY_IN_PLACE(tinynn_requantise_ref, tinynn_requantise);
TINYNN_UNARY_IN_PLACE(tinynn_requantise_uint8_ref, tinynn_requantise);
TINYNN_UNARY_IN_PLACE(tinynn_leaky_relu_ref, tinynn_leaky_relu);
TINYNN_UNARY_IN_PLACE(tinynn_hard_swish_ref, tinynn_hard_swish);
TINYNN_UNARY_IN_PLACE(tinynn_softmax_table_c, tinynn_softmax_table);
TINYNN_UNARY_IN_PLACE(tinynn_lookup_c, tinynn_lookup);
TINYNN_UNARY_IN_PLACE(tinynn_lookup_mve, tinynn_lookup);
TINYNN_UNARY_IN_PLACE(tinynn_lookup_rvv, tinynn_lookup);

/* int16: the operators of the same names with activations of int16, whose zero points are 0. CONV_2D, DEPTHWISE_CONV_2D
 * and FULLY_CONNECTED have int8 weights and records of the struct tinynn_wide_channel in ref. */
#define TINYNN_INT16(function, parameters) \
  void function(const struct parameters *restrict p, const int16_t *restrict input, int16_t *restrict output)

TINYNN_INT16(tinynn_conv2d_int16_ref, tinynn_conv2d);
TINYNN_INT16(tinynn_depthwise_int16_ref, tinynn_depthwise);
TINYNN_INT16(tinynn_fully_connected_int16_ref, tinynn_fully_connected);
TINYNN_INT16(tinynn_transpose_conv_int16_ref, tinynn_conv2d);
TINYNN_INT16(tinynn_average_pool_int16_ref, tinynn_pool);
TINYNN_INT16(tinynn_max_pool_int16_ref, tinynn_pool);
TINYNN_INT16(tinynn_mean_int16_ref, tinynn_mean);

#define TINYNN_INT16_SCRATCH(function, parameters)                                                              \
  void function(const struct parameters *restrict p, const int16_t *restrict input, int16_t *restrict output, \
                void *restrict scratch)

TINYNN_INT16_SCRATCH(tinynn_conv2d_int16_c, tinynn_conv2d);
TINYNN_INT16_SCRATCH(tinynn_conv2d_int16_rv32, tinynn_conv2d);
TINYNN_INT16_SCRATCH(tinynn_conv2d_int16_dsp, tinynn_conv2d);
TINYNN_INT16_SCRATCH(tinynn_depthwise_int16_c, tinynn_depthwise);
TINYNN_INT16_SCRATCH(tinynn_depthwise_int16_dsp, tinynn_depthwise);
TINYNN_INT16_SCRATCH(tinynn_fully_connected_int16_c, tinynn_fully_connected);
TINYNN_INT16_SCRATCH(tinynn_fully_connected_int16_dsp, tinynn_fully_connected);
/* Weights as in ref. */
TINYNN_INT16_SCRATCH(tinynn_rows_int16_c, tinynn_fully_connected);
TINYNN_INT16_SCRATCH(tinynn_rows_int16_dsp, tinynn_fully_connected);

/* In place, from one type to another where that is no larger. */
#define TINYNN_CONVERSION(function, parameters, from, to) \
  void function(const struct parameters *restrict p, const from *input, to *output)
#define TINYNN_INT16_IN_PLACE(function, parameters) TINYNN_CONVERSION(function, parameters, int16_t, int16_t)

TINYNN_INT16_IN_PLACE(tinynn_softmax_int16_ref, tinynn_softmax);
TINYNN_INT16_IN_PLACE(tinynn_logistic_int16_ref, tinynn_sigmoid_int16);
TINYNN_INT16_IN_PLACE(tinynn_tanh_int16_ref, tinynn_sigmoid_int16);
TINYNN_INT16_IN_PLACE(tinynn_leaky_relu_int16_ref, tinynn_leaky_relu);
TINYNN_INT16_IN_PLACE(tinynn_requantise_int16_int16_ref, tinynn_requantise);
TINYNN_CONVERSION(tinynn_requantise_int16_int8_ref, tinynn_requantise, int16_t, int8_t);
TINYNN_CONVERSION(tinynn_softmax_int8_int16_ref, tinynn_softmax, int8_t, int16_t);
TINYNN_CONVERSION(tinynn_requantise_int8_int16_ref, tinynn_requantise, int8_t, int16_t);
TINYNN_CONVERSION(tinynn_requantise_int16_int32_ref, tinynn_requantise, int16_t, int32_t);
TINYNN_CONVERSION(tinynn_requantise_int8_int32_ref, tinynn_requantise, int8_t, int32_t);
TINYNN_CONVERSION(tinynn_requantise_int32_int16_ref, tinynn_requantise, int32_t, int16_t);
TINYNN_CONVERSION(tinynn_requantise_int32_int8_ref, tinynn_requantise, int32_t, int8_t);
TINYNN_CONVERSION(tinynn_quantise_int16_ref, tinynn_affine, float, int16_t);
TINYNN_CONVERSION(tinynn_dequantise_int16_ref, tinynn_affine, int16_t, float);

#define TINYNN_BINARY_INT16(function, parameters) \
  void function(const struct parameters *restrict p, const int16_t *left, const int16_t *right, int16_t *output)

TINYNN_BINARY_INT16(tinynn_matmul_int16_ref, tinynn_matmul);
TINYNN_BINARY_INT16(tinynn_add_int16_ref, tinynn_add);
TINYNN_BINARY_INT16(tinynn_sub_int16_ref, tinynn_add);
TINYNN_BINARY_INT16(tinynn_mul_int16_ref, tinynn_mul);
TINYNN_BINARY_INT16(tinynn_minimum_int16_ref, tinynn_minmax);
TINYNN_BINARY_INT16(tinynn_maximum_int16_ref, tinynn_minmax);
TINYNN_BINARY_INT16(tinynn_add_broadcast_int16_ref, tinynn_add);
TINYNN_BINARY_INT16(tinynn_sub_broadcast_int16_ref, tinynn_add);
TINYNN_BINARY_INT16(tinynn_mul_broadcast_int16_ref, tinynn_mul);
TINYNN_BINARY_INT16(tinynn_minimum_broadcast_int16_ref, tinynn_minmax);
TINYNN_BINARY_INT16(tinynn_maximum_broadcast_int16_ref, tinynn_minmax);

/* Two inputs. In place: the output may be at the address of either input of equal shape. */
#define TINYNN_BINARY(function, parameters) \
  void function(const struct parameters *restrict p, const int8_t *left, const int8_t *right, int8_t *output)

TINYNN_BINARY(tinynn_add_ref, tinynn_add);
TINYNN_BINARY(tinynn_sub_ref, tinynn_add);
TINYNN_BINARY(tinynn_mul_ref, tinynn_mul);
TINYNN_BINARY(tinynn_minimum_ref, tinynn_minmax);
TINYNN_BINARY(tinynn_maximum_ref, tinynn_minmax);
TINYNN_BINARY(tinynn_add_c, tinynn_add);
TINYNN_BINARY(tinynn_sub_c, tinynn_add);
TINYNN_BINARY(tinynn_add_linear_c, tinynn_add_linear);   /* 21 fraction bits */
TINYNN_BINARY(tinynn_add_linear_mve, tinynn_add_linear); /* 21 fraction bits */
TINYNN_BINARY(tinynn_add_dsp, tinynn_add);
TINYNN_BINARY(tinynn_sub_dsp, tinynn_add);
TINYNN_BINARY(tinynn_add_linear_dsp, tinynn_add_linear); /* 16 fraction bits */
TINYNN_BINARY(tinynn_add_fine_dsp, tinynn_add_linear);   /* 20 of them */
TINYNN_BINARY(tinynn_add_mve, tinynn_add);
TINYNN_BINARY(tinynn_sub_mve, tinynn_add);
TINYNN_BINARY(tinynn_add_rvv, tinynn_add);
TINYNN_BINARY(tinynn_sub_rvv, tinynn_add);
TINYNN_BINARY(tinynn_add_broadcast_ref, tinynn_add);
TINYNN_BINARY(tinynn_sub_broadcast_ref, tinynn_add);
TINYNN_BINARY(tinynn_mul_broadcast_ref, tinynn_mul);
TINYNN_BINARY(tinynn_minimum_broadcast_ref, tinynn_minmax);
TINYNN_BINARY(tinynn_maximum_broadcast_ref, tinynn_minmax);
TINYNN_BINARY(tinynn_mul_c, tinynn_mul);
TINYNN_BINARY(tinynn_mul_dsp, tinynn_mul);
TINYNN_BINARY(tinynn_mul_mve, tinynn_mul);
TINYNN_BINARY(tinynn_minimum_dsp, tinynn_minmax);
TINYNN_BINARY(tinynn_maximum_dsp, tinynn_minmax);
/* Of different shapes whose innermost axes are dense. */
TINYNN_BINARY(tinynn_add_broadcast_c, tinynn_add);
TINYNN_BINARY(tinynn_sub_broadcast_c, tinynn_add);
TINYNN_BINARY(tinynn_mul_broadcast_c, tinynn_mul);
TINYNN_BINARY(tinynn_add_broadcast_dsp, tinynn_add);
TINYNN_BINARY(tinynn_sub_broadcast_dsp, tinynn_add);
TINYNN_BINARY(tinynn_mul_broadcast_dsp, tinynn_mul);
TINYNN_BINARY(tinynn_minimum_broadcast_dsp, tinynn_minmax);
TINYNN_BINARY(tinynn_maximum_broadcast_dsp, tinynn_minmax);
TINYNN_BINARY(tinynn_add_broadcast_mve, tinynn_add);
TINYNN_BINARY(tinynn_sub_broadcast_mve, tinynn_add);
TINYNN_BINARY(tinynn_mul_broadcast_mve, tinynn_mul);
TINYNN_BINARY(tinynn_add_broadcast_rvv, tinynn_add);
TINYNN_BINARY(tinynn_sub_broadcast_rvv, tinynn_add);

/* Of any type: pointers to what the name says, or int8. Results of comparisons are 0 and 1, a byte each. */
#define TINYNN_ANY(function, parameters) \
  void function(const struct parameters *restrict p, const void *left, const void *right, void *output)

#define TINYNN_COMPARISONS(suffix, parameters)               \
  TINYNN_ANY(tinynn_equal##suffix##_ref, parameters);        \
  TINYNN_ANY(tinynn_not_equal##suffix##_ref, parameters);    \
  TINYNN_ANY(tinynn_less##suffix##_ref, parameters);         \
  TINYNN_ANY(tinynn_less_equal##suffix##_ref, parameters);   \
  TINYNN_ANY(tinynn_greater##suffix##_ref, parameters);      \
  TINYNN_ANY(tinynn_greater_equal##suffix##_ref, parameters)

TINYNN_COMPARISONS(, tinynn_add);
TINYNN_COMPARISONS(_int32, tinynn_pairs);
TINYNN_COMPARISONS(_int64, tinynn_pairs);
TINYNN_COMPARISONS(_float32, tinynn_pairs);
TINYNN_ANY(tinynn_equal_bool_ref, tinynn_pairs);
TINYNN_ANY(tinynn_not_equal_bool_ref, tinynn_pairs);
TINYNN_ANY(tinynn_logical_and_bool_ref, tinynn_pairs);
TINYNN_ANY(tinynn_logical_or_bool_ref, tinynn_pairs);
TINYNN_ANY(tinynn_add_int32_ref, tinynn_pairs);
TINYNN_ANY(tinynn_sub_int32_ref, tinynn_pairs);
TINYNN_ANY(tinynn_mul_int32_ref, tinynn_pairs);
TINYNN_ANY(tinynn_div_int32_ref, tinynn_pairs);
TINYNN_ANY(tinynn_floor_div_int32_ref, tinynn_pairs);
TINYNN_ANY(tinynn_floor_mod_int32_ref, tinynn_pairs);
TINYNN_ANY(tinynn_squared_difference_int32_ref, tinynn_pairs);
TINYNN_ANY(tinynn_minimum_int32_ref, tinynn_pairs);
TINYNN_ANY(tinynn_maximum_int32_ref, tinynn_pairs);
TINYNN_ANY(tinynn_minimum_int64_ref, tinynn_pairs);
TINYNN_ANY(tinynn_maximum_int64_ref, tinynn_pairs);
TINYNN_ANY(tinynn_squared_difference_ref, tinynn_add);
TINYNN_ANY(tinynn_div_ref, tinynn_mul);
TINYNN_ANY(tinynn_prelu_ref, tinynn_prelu);
TINYNN_BINARY(tinynn_matmul_ref, tinynn_matmul);

#define TINYNN_ARGUMENT(function) \
  void function(const struct tinynn_along *restrict p, const void *input, int32_t *restrict output)

TINYNN_ARGUMENT(tinynn_arg_max_ref);
TINYNN_ARGUMENT(tinynn_arg_min_ref);
TINYNN_ARGUMENT(tinynn_arg_max_float32_ref);
TINYNN_ARGUMENT(tinynn_arg_min_float32_ref);

#define TINYNN_REDUCTION(function) \
  void function(const struct tinynn_mean *restrict p, const void *input, void *restrict output)

TINYNN_REDUCTION(tinynn_reduce_max_ref);
TINYNN_REDUCTION(tinynn_reduce_min_ref);
TINYNN_REDUCTION(tinynn_reduce_all_bool_ref);

void tinynn_add_n_ref(const struct tinynn_totals *restrict p, const int8_t *const *inputs, int8_t *output);
void tinynn_add_n_float32_ref(const struct tinynn_totals *restrict p, const int8_t *const *inputs, void *output);
void tinynn_cumsum_float32_ref(const struct tinynn_totals *restrict p, const void *restrict input,
                               void *restrict output);
void tinynn_cast_ref(const struct tinynn_cast *restrict p, const void *restrict input, void *restrict output);
void tinynn_cast_float32_ref(const struct tinynn_cast *restrict p, const void *restrict input, void *restrict output);
TINYNN_BINARY(tinynn_take_ref, tinynn_take);
TINYNN_BINARY(tinynn_take_nd_ref, tinynn_take_nd);

void tinynn_fill_ref(const struct tinynn_fill *restrict p, int8_t *restrict output);
void tinynn_constant_ref(const struct tinynn_constant *restrict p, int8_t *restrict output);
void tinynn_select_ref(const struct tinynn_select *restrict p, const int8_t *condition, const int8_t *left,
                       const int8_t *right, int8_t *output);
void tinynn_quantise_ref(const struct tinynn_affine *restrict p, const float *restrict input, int8_t *restrict output);
void tinynn_dequantise_ref(const struct tinynn_affine *restrict p, const int8_t *restrict input,
                           float *restrict output);
void tinynn_dequantise_uint8_ref(const struct tinynn_affine *restrict p, const uint8_t *restrict input,
                                 float *restrict output);

/* Features of sound: the operators Signal… of TFLM, see signal.c, rfft.c and frames.c. */
#define TINYNN_PAIR 2

struct tinynn_signal_window {
  const int16_t *window; /* [columns] */
  int32_t rows, columns;
  int32_t shift;
};

struct tinynn_signal_scale {
  int32_t elements;
};

struct tinynn_signal_energy {
  int32_t elements;
  int32_t first, end;
};

struct tinynn_signal_filter_bank {
  const int16_t *weights;
  const int16_t *unweights;
  const int16_t *starts;        /* [channels + 1] */
  const int16_t *weight_starts; /* [channels + 1] */
  const int16_t *widths;        /* [channels + 1] */
  int32_t channels;
};

struct tinynn_signal_channels {
  int32_t channels;
};

struct tinynn_signal_subtraction {
  int32_t channels;
  int32_t smoothing[TINYNN_PAIR]; /* of even and odd channels */
  int32_t keeping[TINYNN_PAIR];
  int32_t smoothing_bits, subtraction_bits;
  int32_t least;
  int32_t is_clamped;
};

struct tinynn_signal_gain {
  const int16_t *gains; /* [125] */
  int32_t channels;
  int32_t shift;
};

struct tinynn_signal_logarithm {
  const uint16_t *corrections; /* [129]: 2^16 * (log2(1 + i / 128) - i / 128) */
  int32_t channels;
  int32_t places;
  int32_t scale;
};

/* `rows` of `inputs` values, zeros behind them up to `length`, a power of two from 4 on. Complex numbers are pairs. */
struct tinynn_rfft {
  const int16_t *turns;      /* [length / 2][2]: 32767 * exp(-2πik / (length / 2)) */
  const int16_t *half_turns; /* [length / 4][2]: 32767 * exp(-πi((k + 1) / (length / 2) + 1/2)) */
  int32_t rows, inputs;
  int32_t length;
};

/* Windows of `size` values, `step` from one to the next. The state has its head, and in each row the `kept` values that
 * came last: zeros at first, or what comes first, over and over (`repeats`, of `step` values each). */
struct tinynn_signal_frames {
  int32_t rows, frames;
  int32_t size, step;
  int32_t kept;
  int32_t waits;  /* frames, before one is valid */
  int32_t period; /* from a valid one to the next */
  int32_t repeats;
};

/* The head of a state of frames, int32_t: what was seen last, and frames since the last valid one. */
enum { TINYNN_SEEN, TINYNN_WAITED, TINYNN_FRAMES_STATE };
enum { TINYNN_NOTHING, TINYNN_TOO_LITTLE, TINYNN_VALID };

struct tinynn_signal_overlap {
  int32_t rows, frames;
  int32_t size, step;
};

void tinynn_signal_window_ref(const struct tinynn_signal_window *restrict p, const int16_t *input, int16_t *output);
void tinynn_signal_headroom_ref(const struct tinynn_signal_scale *restrict p, const int16_t *input, int32_t *output);
void tinynn_signal_scale_ref(const struct tinynn_signal_scale *restrict p, const int16_t *input, const int32_t *places,
                             int16_t *output);
void tinynn_signal_energy_ref(const struct tinynn_signal_energy *restrict p, const int16_t *input, uint32_t *output);
void tinynn_signal_filter_bank_ref(const struct tinynn_signal_filter_bank *restrict p, const uint32_t *input,
                                   tinynn_uint64 *output);
void tinynn_signal_square_root_ref(const struct tinynn_signal_channels *restrict p, const tinynn_uint64 *input,
                                   const int32_t *places, uint32_t *output);
void tinynn_signal_noise_ref(const struct tinynn_signal_subtraction *restrict p, const uint32_t *input,
                             uint32_t *noise);
void tinynn_signal_subtract_ref(const struct tinynn_signal_subtraction *restrict p, const uint32_t *input,
                                const uint32_t *noise, uint32_t *output);
void tinynn_signal_gain_ref(const struct tinynn_signal_gain *restrict p, const uint32_t *input, const uint32_t *noise,
                            uint32_t *output);
void tinynn_signal_logarithm_ref(const struct tinynn_signal_logarithm *restrict p, const uint32_t *input,
                                 int16_t *output);
void tinynn_signal_is_valid_ref(const struct tinynn_signal_frames *restrict p, const int32_t *state, uint8_t *output);
void tinynn_signal_frames_ref(const struct tinynn_signal_frames *restrict p, const int16_t *restrict input,
                              int32_t *restrict state, int16_t *restrict output);
void tinynn_signal_overlap_int16_ref(const struct tinynn_signal_overlap *restrict p, const int16_t *restrict input,
                                     int16_t *restrict state, int16_t *restrict output);
void tinynn_signal_overlap_float32_ref(const struct tinynn_signal_overlap *restrict p, const float *restrict input,
                                       float *restrict state, float *restrict output);
void tinynn_rfft_ref(const struct tinynn_rfft *restrict p, const int16_t *restrict input, int16_t *restrict output);

#endif
