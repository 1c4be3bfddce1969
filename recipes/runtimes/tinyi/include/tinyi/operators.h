/* All operators, for the table of those that a model uses. The kernel beside a `run` is one of the structs below, or
 * NULL where there is no choice. */
#ifndef TINYI_OPERATORS_H
#define TINYI_OPERATORS_H

#include "tinyi/convolution.h"
#include "tinyi/context.h"
#include "tinyi/recurrent_kernels.h"

/* Operators that call subgraphs. */
void tinyi_if(struct tinyi_context *context);
void tinyi_while(struct tinyi_context *context);

/* Resource variables. */
void tinyi_nothing(struct tinyi_context *context); /* VAR_HANDLE, CALL_ONCE: what there is to do is done before */
void tinyi_read_variable(struct tinyi_context *context);
void tinyi_assign_variable(struct tinyi_context *context);

/* Operators with state. */
void tinyi_svdf(struct tinyi_context *context);
void tinyi_svdf_float32(struct tinyi_context *context);
void tinyi_lstm(struct tinyi_context *context);
void tinyi_lstm_int16(struct tinyi_context *context);
void tinyi_lstm_float32(struct tinyi_context *context);

/* FULLY_CONNECTED: rows of the file's weights as they are. */
struct tinyi_fully_connected {
  void (*compute)(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                  void *restrict scratch);
  int32_t widens; /* it takes scratch for inputs of 16 bits */
  int32_t has_right_shifts; /* its records are those of tinynn/rescale_right.h */
};
extern const struct tinyi_fully_connected tinyi_fully_connected_ref, tinyi_fully_connected_c, tinyi_fully_connected_dsp,
    tinyi_fully_connected_mve, tinyi_fully_connected_rv32, tinyi_fully_connected_rvv;

/* The same of int16, where sums have 32 bits: tinynn/narrow.h. */
struct tinyi_fully_connected_int16 {
  void (*compute)(const struct tinynn_fully_connected *restrict p, const int16_t *restrict input,
                  int16_t *restrict output, void *restrict scratch);
  int32_t arranges; /* it takes scratch for the inputs of a batch */
};
extern const struct tinyi_fully_connected_int16 tinyi_fully_connected_int16_c, tinyi_fully_connected_int16_dsp;
void tinyi_fully_connected(struct tinyi_context *context);
void tinyi_plan_fully_connected(struct tinyi_context *context);

/* ADD and SUB. */
typedef void tinyi_add_kernel(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output);
struct tinyi_add {
  tinyi_add_kernel *general, *one_half, *below_half; /* what the inputs' multipliers must be: see tinyi/src/add.c */
  const struct tinyi_add
      *broadcast; /* for inputs of different shapes: rows that are dense, or any; NULL: none is linked */
};
extern const struct tinyi_add tinyi_add_ref, tinyi_add_c, tinyi_add_dsp, tinyi_add_mve, tinyi_add_rvv;
extern const struct tinyi_add tinyi_sub_ref, tinyi_sub_c, tinyi_sub_dsp, tinyi_sub_mve, tinyi_sub_rvv;
extern const struct tinyi_add tinyi_add_general_ref, tinyi_add_general_c, tinyi_add_general_dsp, tinyi_add_general_mve,
    tinyi_add_general_rvv;
extern const struct tinyi_add tinyi_sub_general_ref, tinyi_sub_general_c, tinyi_sub_general_dsp, tinyi_sub_general_mve,
    tinyi_sub_general_rvv;
void tinyi_add(struct tinyi_context *context);

/* Of any version, that of uint8 included. */
void tinyi_conv2d_any(struct tinyi_context *context);
void tinyi_depthwise_any(struct tinyi_context *context);

/* With weights of int4; layers with others go to the function of the name without, in set-up, too. */
void tinyi_conv2d_int4(struct tinyi_context *context);
void tinyi_depthwise_int4(struct tinyi_context *context);
void tinyi_fully_connected_int4(struct tinyi_context *context);
void tinyi_conv2d_any_int4(struct tinyi_context *context);
void tinyi_depthwise_any_int4(struct tinyi_context *context);
void tinyi_fully_connected_any_int4(struct tinyi_context *context);

/* AVERAGE_POOL_2D and MAX_POOL_2D; kernel NULL: the definition. */
struct tinyi_pool {
  void (*compute)(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output,
                  void *restrict scratch);
  int32_t (*supports_shape)(const struct tinynn_pool *p);          /* NULL: any */
  uint32_t (*scratch_bytes)(const struct tinynn_pool *p); /* NULL: none */
  const struct tinyi_pool *fallback;                    /* where it doesn't fit; NULL: the definition */
  uint32_t fills; /* whether it writes all outputs first; others go from pixel to pixel */
};
extern const struct tinyi_pool tinyi_average_pool_c, tinyi_average_pool_dsp, tinyi_average_pool_mve,
    tinyi_average_pool_rvv, tinyi_max_pool_c, tinyi_max_pool_dsp;

/* Windows for which sums of 16 bits are enough. */
static inline int32_t tinyi_is_narrow(const struct tinynn_pool *p) {
  return p->kernel_height <= TINYNN_NARROW_WINDOW / p->kernel_width;
}
void tinyi_average_pool(struct tinyi_context *context);
void tinyi_max_pool(struct tinyi_context *context);

/* MUL. */
struct tinyi_mul {
  void (*plain)(const struct tinynn_mul *restrict p, const int8_t *left, const int8_t *right, int8_t *output);
  void (*broadcast)(const struct tinynn_mul *restrict p, const int8_t *left, const int8_t *right, int8_t *output);
  int32_t least_shift; /* what they compute: from it to -1, rows that are dense */
};
extern const struct tinyi_mul tinyi_mul_ref, tinyi_mul_c, tinyi_mul_dsp, tinyi_mul_mve;

/* MEAN over neighbouring axes; kernel NULL: the definition. */
struct tinyi_mean {
  void (*compute)(const struct tinynn_mean *restrict p, const int8_t *restrict input, int8_t *restrict output);
};
extern const struct tinyi_mean tinyi_mean_c, tinyi_mean_dsp;

void tinyi_mul(struct tinyi_context *context);
void tinyi_reshape(struct tinyi_context *context);
void tinyi_reshape_any(struct tinyi_context *context); /* of other types than int8 */
void tinyi_reshape_long(struct tinyi_context *context); /* of any type and TINYI_MAX_RANK axes */
void tinyi_softmax(struct tinyi_context *context);
void tinyi_softmax_any(struct tinyi_context *context); /* to int8 or int16 */
void tinyi_relu(struct tinyi_context *context);
void tinyi_relu6(struct tinyi_context *context);
void tinyi_requantise(struct tinyi_context *context); /* from int8 */
void tinyi_quantise(struct tinyi_context *context);
void tinyi_dequantise(struct tinyi_context *context);
void tinyi_dequantise_uint8(struct tinyi_context *context);
void tinyi_logistic(struct tinyi_context *context);
void tinyi_tanh(struct tinyi_context *context);
void tinyi_minimum(struct tinyi_context *context);
void tinyi_maximum(struct tinyi_context *context);
void tinyi_leaky_relu(struct tinyi_context *context);
/* The parameters of LEAKY_RELU, in any form; whether it is to be computed now. */
int32_t tinyi_set_slopes(struct tinyi_context *context, const struct tinyi_tensor *input,
                         const struct tinyi_tensor *output, struct tinynn_leaky_relu *p);
void tinyi_hard_swish(struct tinyi_context *context);
void tinyi_mean(struct tinyi_context *context);
void tinyi_pad(struct tinyi_context *context);
void tinyi_concatenation(struct tinyi_context *context);
void tinyi_pack(struct tinyi_context *context);
void tinyi_split(struct tinyi_context *context);
void tinyi_split_v(struct tinyi_context *context);
void tinyi_unpack(struct tinyi_context *context);
void tinyi_transpose(struct tinyi_context *context);
void tinyi_transpose_long(struct tinyi_context *context); /* of TINYI_MAX_RANK axes */
void tinyi_slice(struct tinyi_context *context);
void tinyi_strided_slice(struct tinyi_context *context);
void tinyi_resize_nearest(struct tinyi_context *context);
/* Operators of two inputs, and of axes; a kernel of tinynn stands beside in the table where there are several. */
void tinyi_plain_pairs(struct tinyi_context *context);
void tinyi_plain_comparison(struct tinyi_context *context);
void tinyi_plain_arithmetic(struct tinyi_context *context);
void tinyi_plain_add(struct tinyi_context *context);
void tinyi_comparison(struct tinyi_context *context);
void tinyi_squared_difference(struct tinyi_context *context);
void tinyi_div(struct tinyi_context *context);
void tinyi_prelu(struct tinyi_context *context);
void tinyi_reduce(struct tinyi_context *context);
void tinyi_argument(struct tinyi_context *context);
void tinyi_cumsum(struct tinyi_context *context);
void tinyi_add_n(struct tinyi_context *context);
void tinyi_cumsum_float32(struct tinyi_context *context);
void tinyi_add_n_float32(struct tinyi_context *context);
void tinyi_l2_normalization(struct tinyi_context *context);
void tinyi_log_softmax(struct tinyi_context *context);
void tinyi_abs(struct tinyi_context *context);
void tinyi_rsqrt(struct tinyi_context *context);
void tinyi_elu(struct tinyi_context *context);
void tinyi_logical_not(struct tinyi_context *context);
void tinyi_cast(struct tinyi_context *context);
void tinyi_cast_float32(struct tinyi_context *context); /* of any types */
void tinyi_sum(struct tinyi_context *context);
void tinyi_transpose_conv(struct tinyi_context *context);
void tinyi_batch_matmul(struct tinyi_context *context);
void tinyi_fully_connected_any(struct tinyi_context *context); /* of any weights */
void tinyi_resize_bilinear(struct tinyi_context *context);
void tinyi_reverse(struct tinyi_context *context);
void tinyi_broadcast_to(struct tinyi_context *context);
void tinyi_tile(struct tinyi_context *context);
void tinyi_space_to_depth(struct tinyi_context *context);
void tinyi_depth_to_space(struct tinyi_context *context);
void tinyi_mirror_pad(struct tinyi_context *context);
void tinyi_space_to_batch(struct tinyi_context *context);
void tinyi_batch_to_space(struct tinyi_context *context);
void tinyi_fill_with(struct tinyi_context *context);
void tinyi_zeros_like(struct tinyi_context *context);
void tinyi_gather(struct tinyi_context *context);
void tinyi_gather_nd(struct tinyi_context *context);
void tinyi_embedding_lookup(struct tinyi_context *context);
void tinyi_select(struct tinyi_context *context);
void tinyi_shape(struct tinyi_context *context);
void tinyi_rank(struct tinyi_context *context);

/* float32; where an operator's kernel is a function of tinynn, it stands beside in the table. */
void tinyi_conv2d_float32(struct tinyi_context *context);
void tinyi_depthwise_float32(struct tinyi_context *context);
void tinyi_fully_connected_float32(struct tinyi_context *context);
/* The same of any weights. */
void tinyi_conv2d_hybrid(struct tinyi_context *context);
void tinyi_depthwise_hybrid(struct tinyi_context *context);
void tinyi_fully_connected_hybrid(struct tinyi_context *context);
void tinyi_batch_matmul_float32(struct tinyi_context *context);
void tinyi_transpose_conv_float32(struct tinyi_context *context);
void tinyi_pool_float32(struct tinyi_context *context);
void tinyi_binary_float32(struct tinyi_context *context);
void tinyi_unary_float32(struct tinyi_context *context);
void tinyi_relu_float32(struct tinyi_context *context);
void tinyi_relu6_float32(struct tinyi_context *context);
void tinyi_leaky_relu_float32(struct tinyi_context *context);
void tinyi_rows_float32(struct tinyi_context *context);
void tinyi_softmax_float32(struct tinyi_context *context);
void tinyi_l2_normalization_float32(struct tinyi_context *context);
void tinyi_resize_bilinear_float32(struct tinyi_context *context);
void tinyi_resize_bilinear_uint8(struct tinyi_context *context);

/* Of int16. */
void tinyi_conv2d_int16(struct tinyi_context *context);
void tinyi_depthwise_int16(struct tinyi_context *context);
void tinyi_fully_connected_int16(struct tinyi_context *context);
void tinyi_transpose_conv_int16(struct tinyi_context *context);
void tinyi_batch_matmul_int16(struct tinyi_context *context);
void tinyi_average_pool_int16(struct tinyi_context *context);
void tinyi_max_pool_int16(struct tinyi_context *context);
void tinyi_mean_int16(struct tinyi_context *context);
void tinyi_sum_int16(struct tinyi_context *context);
void tinyi_add_int16(struct tinyi_context *context);
void tinyi_sub_int16(struct tinyi_context *context);
void tinyi_mul_int16(struct tinyi_context *context);
void tinyi_minimum_int16(struct tinyi_context *context);
void tinyi_maximum_int16(struct tinyi_context *context);
void tinyi_softmax_int16(struct tinyi_context *context);
void tinyi_logistic_int16(struct tinyi_context *context);
void tinyi_tanh_int16(struct tinyi_context *context);
void tinyi_relu_int16(struct tinyi_context *context);
void tinyi_relu6_int16(struct tinyi_context *context);
void tinyi_leaky_relu_int16(struct tinyi_context *context);
void tinyi_dequantise_int16(struct tinyi_context *context);
void tinyi_quantise_any(struct tinyi_context *context); /* from and to any of these types, too */

#endif
