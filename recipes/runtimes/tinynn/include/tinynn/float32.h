/* Kernels of float32 tensors: TFLM's formulas, sums in TFLM's order, nothing fused, so that results are TFLM's bit for
 * bit but for functions of the C library: exp, log, tanh, sin, cos. NaN passes through clamps, as there. */
#ifndef TINYNN_FLOAT32_H
#define TINYNN_FLOAT32_H

#include <stdint.h>

/* CONV_2D: weights [output_channels, kernel_height, kernel_width, input_channels / groups]. FULLY_CONNECTED is one of
 * 1x1 whose pixels are the rows. */
struct tinynn_conv2d_float32 {
  const float *weights;
  const float *bias; /* [output_channels], or NULL */
  int32_t batches;
  int32_t input_height, input_width, input_channels;
  int32_t output_height, output_width, output_channels;
  int32_t groups;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  float lowest, highest;
};

/* CONV_2D with weights of int8; DEPTHWISE_CONV_2D has a group for each input channel, FULLY_CONNECTED batches of 1 x 1.
 * Scratch: a batch's inputs in int8. */
struct tinynn_hybrid {
  const int8_t *weights; /* [output_channels, kernel_height, kernel_width, input_channels / groups] */
  const float *scales;   /* [output_channels] */
  const float *bias;     /* [output_channels], or NULL */
  int32_t batches;
  int32_t input_height, input_width, input_channels;
  int32_t output_height, output_width, output_channels;
  int32_t groups;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  int32_t is_symmetric; /* a batch's range has zero in its middle */
  float lowest, highest;
};

/* DEPTHWISE_CONV_2D: weights [kernel_height, kernel_width, output_channels]; output channel c reads input channel
 * c / depth_multiplier. */
struct tinynn_depthwise_float32 {
  const float *weights;
  const float *bias; /* [output_channels], or NULL */
  int32_t batches;
  int32_t input_height, input_width, input_channels;
  int32_t output_height, output_width, output_channels;
  int32_t depth_multiplier;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  float lowest, highest;
};

/* TRANSPOSE_CONV: weights [output_channels, kernel_height, kernel_width, input_channels]. */
struct tinynn_transpose_conv_float32 {
  const float *weights;
  const float *bias; /* [output_channels], or NULL */
  int32_t batches;
  int32_t input_height, input_width, input_channels;
  int32_t output_height, output_width, output_channels;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t pad_top, pad_left;
  float lowest, highest;
};

/* AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D: elements outside the input do not count. */
struct tinynn_pool_float32 {
  int32_t batches;
  int32_t input_height, input_width, channels;
  int32_t output_height, output_width;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t pad_top, pad_left;
  float lowest, highest;
};

/* BATCH_MATMUL, and FULLY_CONNECTED whose weights are an activation: element [b, i, j] is the sum over k of
 * left[b, i, k] * right[b, k, j]. Strides are in elements, 0 along repeated batches. */
struct tinynn_matmul_float32 {
  int32_t batches[3]; /* outer ones first */
  int32_t left_batches[3], right_batches[3];
  int32_t rows, depth, columns;
  int32_t left_row, left_depth, right_depth, right_column;
  float lowest, highest;
};

/* Operators of two inputs, any of which may be repeated along axes; strides are in elements. */
struct tinynn_binary_float32 {
  int32_t shape[5];
  int32_t left_strides[5], right_strides[5];
  float lowest, highest;
};

/* Functions of one value. */
struct tinynn_unary_float32 {
  int32_t elements;
  float lowest, highest; /* RELU, RELU6, RELU_N1_TO_1: the clamp */
  float alpha;           /* LEAKY_RELU: the slope below 0 */
};

/* SOFTMAX, LOG_SOFTMAX, L2_NORMALIZATION over the last axis. */
struct tinynn_rows_float32 {
  int32_t rows, columns;
  float beta;
};

/* RESIZE_BILINEAR. */
struct tinynn_resize_float32 {
  int32_t batches;
  int32_t input_height, input_width, channels;
  int32_t output_height, output_width;
  float scale_y, scale_x; /* input pixels for each output pixel */
  int32_t has_half_pixels;
};

#define TINYNN_FLOAT32_SPATIAL(function, parameters)                                                     \
  void function(const struct parameters *restrict p, const float *restrict input, float *restrict output, \
                void *restrict scratch)
TINYNN_FLOAT32_SPATIAL(tinynn_hybrid_ref, tinynn_hybrid);
TINYNN_FLOAT32_SPATIAL(tinynn_conv2d_float32_ref, tinynn_conv2d_float32);
TINYNN_FLOAT32_SPATIAL(tinynn_conv2d_float32_c, tinynn_conv2d_float32);
TINYNN_FLOAT32_SPATIAL(tinynn_depthwise_float32_ref, tinynn_depthwise_float32);
TINYNN_FLOAT32_SPATIAL(tinynn_depthwise_float32_c, tinynn_depthwise_float32);

#define TINYNN_FLOAT32_UNARY(function, parameters) \
  void function(const struct parameters *restrict p, const float *input, float *output)
TINYNN_FLOAT32_UNARY(tinynn_transpose_conv_float32_ref, tinynn_transpose_conv_float32);
TINYNN_FLOAT32_UNARY(tinynn_average_pool_float32_ref, tinynn_pool_float32);
TINYNN_FLOAT32_UNARY(tinynn_max_pool_float32_ref, tinynn_pool_float32);
TINYNN_FLOAT32_UNARY(tinynn_l2_pool_float32_ref, tinynn_pool_float32);
TINYNN_FLOAT32_UNARY(tinynn_resize_bilinear_float32_ref, tinynn_resize_float32);
/* as LiteRT interpolates uint8, in float32 */
void tinynn_resize_bilinear_uint8_ref(const struct tinynn_resize_float32 *restrict p, const uint8_t *input,
                                      uint8_t *output);
/* in place: */
TINYNN_FLOAT32_UNARY(tinynn_softmax_float32_ref, tinynn_rows_float32);
TINYNN_FLOAT32_UNARY(tinynn_log_softmax_float32_ref, tinynn_rows_float32);
TINYNN_FLOAT32_UNARY(tinynn_l2_normalization_float32_ref, tinynn_rows_float32);
TINYNN_FLOAT32_UNARY(tinynn_clamp_float32_ref, tinynn_unary_float32); /* RELU, RELU6, RELU_N1_TO_1 */
TINYNN_FLOAT32_UNARY(tinynn_leaky_relu_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_elu_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_hard_swish_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_logistic_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_tanh_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_abs_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_neg_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_square_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_sqrt_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_rsqrt_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_exp_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_log_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_sin_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_cos_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_floor_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_ceil_float32_ref, tinynn_unary_float32);
TINYNN_FLOAT32_UNARY(tinynn_round_float32_ref, tinynn_unary_float32);

/* Numbers in float32, or in uint8: scale * (number - zero point). */
struct tinynn_reals {
  int32_t is_uint8;
  float scale;
  int32_t zero_point;
};

/* Boxes by encodings [boxes, coordinates] of anchors [boxes, 4] and scores [boxes, columns], of whose columns the last
 * `classes` count; see detections.c. Scratch: a score and a place for each box, and the boxes that were taken. */
struct tinynn_detections {
  int32_t boxes, coordinates;
  int32_t columns, classes;
  int32_t most, most_taken; /* in all, and at once */
  int32_t is_by_class;      /* else a box counts by its best class alone */
  float least_score, most_overlap;
  float scales[4]; /* y, x, height, width */
  struct tinynn_reals encodings, scores, anchors;
};

void tinynn_detections_ref(const struct tinynn_detections *restrict p, const void *encodings, const void *scores,
                           const void *anchors, float *output, void *scratch);

/* In place where an input has the output's shape. */
#define TINYNN_FLOAT32_BINARY(function, parameters) \
  void function(const struct parameters *restrict p, const float *left, const float *right, float *output)
TINYNN_FLOAT32_BINARY(tinynn_add_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_sub_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_mul_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_div_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_minimum_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_maximum_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_squared_difference_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_floor_div_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_floor_mod_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_pow_float32_ref, tinynn_binary_float32);
TINYNN_FLOAT32_BINARY(tinynn_prelu_float32_ref, tinynn_binary_float32);
/* not in place: */
TINYNN_FLOAT32_BINARY(tinynn_matmul_float32_ref, tinynn_matmul_float32);

/* sum + a * b, both rounded, as TFLM's kernels have it; compilers for Arm would take two instructions, or fuse them. */
static inline float tinynn_multiply_add(float sum, float a, float b) {
#if defined(__arm__) && defined(__ARM_FP) && (__ARM_FP & 4)
  __asm__("vmla.f32 %0, %1, %2" : "+t"(sum) : "t"(a), "t"(b));
  return sum;
#else
  return sum + a * b;
#endif
}

static inline float tinynn_clamp_float32(float x, float lowest, float highest) {
  x = x < lowest ? lowest : x;
  return x > highest ? highest : x;
}

#endif
