/* TRANSPOSE_CONV, BATCH_MATMUL, FULLY_CONNECTED whose weights are computed or have a zero point, and RESIZE_BILINEAR. */
#include "tinyi/convolution.h"
#include "tinyi/move.h"
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/window.h"

void tinyi_read_transpose_conv(struct tinyi_context *context, uint32_t type, struct tinyi_convolution *layer) {
  enum { ACTIVATION = 3 };
  struct tinyi_tensor input, weights, output;
  struct tinyi_window window;
  struct tinynn_conv2d *p = &layer->conv2d;
  if (type == TINYI_INT8) {
    tinyi_read_transposed(context, TINYI_INT8, &input, &weights, &output, &window);
  } else {
    tinyi_read_transposed(context, TINYI_INT16, &input, &weights, &output, &window);
  }
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t channels = weights.shape[1], products = weights.elements / channels;
  tinyi_require(context, weights.scale_count == 1 || weights.scale_count == channels, TINYI_UNSUPPORTED);
  tinyi_clamp_form(context, type, tinyi_byte(&context->file, &context->options, ACTIVATION), &output, &p->lowest,
                   &p->highest);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_channels read = {.quotient = tinyi_quotient(input.scale, output.scale),
                                      .scales = weights.scales,
                                      .scale_step = weights.scale_count > 1,
                                      .rows = {weights.data, channels, products, products, 1},
                                      .output_zero_point = output.zero_point,
                                      .lowest = p->lowest,
                                      .highest = p->highest};
  layer->channels = read;
  layer->input = input.data;
  layer->output = output.data;
  layer->outputs = output.elements;
  p->weights = weights.data;
  TINYI_SET_SIZES(p, &input, &output);
  TINYI_SET_WINDOW(p, window);
  p->input_zero_point = input.zero_point;
  p->output_zero_point = output.zero_point;
}

/* Records of channels are scratch; their biases are the file's, as the padding has no products. */
void tinyi_transpose_conv(struct tinyi_context *context) {
  struct tinyi_file *file = &context->file;
  struct tinyi_convolution layer;
  struct tinyi_channels *all = &layer.channels;
  tinyi_read_transpose_conv(context, TINYI_INT8, &layer);
  if (file->status != TINYI_OK) {
    return;
  }
  const int32_t channels = layer.conv2d.output_channels;
  all->bias = tinyi_read_integers(context, 3, channels);
  context->scratch_least = context->scratch_most = (uint32_t)channels * (uint32_t)sizeof(struct tinynn_channel);
  if (context->lifetimes != NULL) {
    tinyi_note_work(context, layer.outputs, all->rows.products);
  }
  for (int32_t c = 0; c < channels && file->status == TINYI_OK; ++c) {
    const uint32_t scale = all->scales[c * all->scale_step];
    tinyi_require(context, tinyi_is_scale(scale), TINYI_UNSUPPORTED);
    if (file->status == TINYI_OK) {
      tinyi_require(context, tinyi_factor(&all->quotient, scale).shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
    }
  }
  if (!tinyi_computes(context)) {
    return;
  }
  struct tinynn_channel *records = (struct tinynn_channel *)(void *)context->scratch;
  tinyi_plain_records(all, 0, channels, records);
  layer.conv2d.channels = records;
  tinynn_transpose_conv_ref(&layer.conv2d, layer.input, layer.output);
}

/* The factor of a product of matrices; whether it is to be computed. */
static int32_t find_factor(struct tinyi_context *context, struct tinynn_matmul *p, int32_t largest_shift,
                           const struct tinyi_tensor *left, const struct tinyi_tensor *right,
                           const struct tinyi_tensor *output) {
  /* the scales' product is rounded to float32 first */
  const uint32_t scale = tinyi_bits(tinyi_real(left->scale) * tinyi_real(right->scale));
  tinyi_require(context, tinyi_is_positive(scale), TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  const struct tinyi_factor factor = tinyi_ratio(scale, output->scale, TINYI_ONE);
  tinyi_require(context, factor.shift <= largest_shift, TINYI_UNSUPPORTED);
  p->multiplier = factor.multiplier;
  p->shift = factor.shift;
  if (context->lifetimes != NULL) {
    tinyi_note_work(context, output->elements, p->depth);
  }
  return tinyi_computes(context);
}

/* The rest of a product of matrices, and the product. */
static void multiply(struct tinyi_context *context, struct tinynn_matmul *p, int32_t activation,
                     const struct tinyi_tensor *left, const struct tinyi_tensor *right,
                     const struct tinyi_tensor *output) {
  tinyi_clamp(context, activation, output, &p->lowest, &p->highest);
  p->left_zero_point = left->zero_point;
  p->right_zero_point = right->zero_point;
  p->output_zero_point = output->zero_point;
  if (find_factor(context, p, TINYI_LARGEST_SHIFT, left, right, output)) {
    tinynn_matmul_ref(p, left->data, right->data, output->data);
  }
}

/* Where the elements of both lie. */
static void read_matrices(struct tinyi_context *context, uint32_t type, struct tinyi_tensor *left,
                          struct tinyi_tensor *right, struct tinyi_tensor *output, struct tinynn_matmul *p) {
  enum { ADJ_X = 0, ADJ_Y = 1 };
  tinyi_read_form(context, &context->inputs, 0, type, left);
  tinyi_read_form(context, &context->inputs, 1, type, right);
  tinyi_read_form(context, &context->outputs, 0, type, output);
  const int32_t turns_left = tinyi_byte(&context->file, &context->options, ADJ_X) != 0;
  const int32_t turns_right = tinyi_byte(&context->file, &context->options, ADJ_Y) != 0;
  if (context->file.status != TINYI_OK) {
    return;
  }
  p->rows = output->shape[3];
  p->columns = output->shape[4];
  p->depth = left->shape[turns_left ? 3 : 4];
  tinyi_require(context,
                left->rank >= 2 && right->rank >= 2 && left->shape[turns_left ? 4 : 3] == p->rows &&
                    right->shape[turns_right ? 3 : 4] == p->columns && right->shape[turns_right ? 4 : 3] == p->depth,
                TINYI_UNSUPPORTED);
  p->left_row = turns_left ? 1 : p->depth;
  p->left_step = turns_left ? p->rows : 1;
  p->right_column = turns_right ? p->depth : 1;
  p->right_step = turns_right ? 1 : p->columns;
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t size = output->shape[i], of_left = left->shape[i], of_right = right->shape[i];
    tinyi_require(context, (of_left == 1 || of_left == size) && (of_right == 1 || of_right == size), TINYI_UNSUPPORTED);
    p->batches.shape[i + 2] = size;
    p->batches.left_strides[i + 2] = of_left == 1 ? 0 : tinyi_axis_stride(left, i);
    p->batches.right_strides[i + 2] = of_right == 1 ? 0 : tinyi_axis_stride(right, i);
  }
}

void tinyi_batch_matmul(struct tinyi_context *context) {
  struct tinyi_tensor left, right, output;
  struct tinynn_matmul p = {.bias = NULL};
  read_matrices(context, TINYI_INT8, &left, &right, &output, &p);
  if (context->file.status == TINYI_OK) {
    multiply(context, &p, 0, &left, &right, &output);
  }
}

void tinyi_batch_matmul_int16(struct tinyi_context *context) {
  struct tinyi_tensor left, right, output;
  struct tinynn_matmul p = {.lowest = INT16_MIN, .highest = INT16_MAX};
  read_matrices(context, TINYI_INT16, &left, &right, &output, &p);
  if (context->file.status == TINYI_OK && find_factor(context, &p, TINYI_LARGEST_WIDE_SHIFT, &left, &right, &output)) {
    p.multiplier = tinyi_wide_multiplier(p.multiplier);
    tinynn_matmul_int16_ref(&p, tinyi_int16(&left), tinyi_int16(&right), tinyi_int16(&output));
  }
}

static void multiply_rows(struct tinyi_context *context) {
  enum { DENSE_ACTIVATION = 0, WEIGHTS_FORMAT = 1, DENSE_BIAS = 2 };
  struct tinyi_tensor input, weights, output;
  tinyi_read_binary(context, &input, &weights, &output);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t depth = weights.shape[4], channels = weights.shape[3], rows = input.elements / depth;
  struct tinynn_matmul p = {.bias = tinyi_read_integers(context, DENSE_BIAS, channels),
                            .batches = {.shape = {1, 1, 1, 1, 1}},
                            .rows = rows,
                            .columns = channels,
                            .depth = depth,
                            .left_row = depth,
                            .left_step = 1,
                            .right_column = depth,
                            .right_step = 1};
  tinyi_require(context,
                weights.rank == 2 && rows * depth == input.elements && output.elements / channels == rows &&
                    output.elements % channels == 0 &&
                    tinyi_byte(&context->file, &context->options, WEIGHTS_FORMAT) == 0,
                TINYI_UNSUPPORTED);
  multiply(context, &p, tinyi_byte(&context->file, &context->options, DENSE_ACTIVATION), &input, &weights, &output);
}

void tinyi_fully_connected_any(struct tinyi_context *context) {
  struct tinyi_tensor weights;
  tinyi_read_weights(context, 1, &weights);
  if (context->file.status == TINYI_UNSUPPORTED) { /* no constant, or not symmetric */
    context->file.status = TINYI_OK;
    multiply_rows(context);
  } else if (context->file.status == TINYI_OK) {
    (context->lifetimes != NULL ? tinyi_plan_fully_connected : tinyi_fully_connected)(context);
  }
}

/* Inputs from one output to the next, in 10 fraction bits. */
static int32_t resize_scale(int32_t given, int32_t made, int32_t is_aligned) {
  const int32_t less = is_aligned && made > 1;
  return (1024 * (given - less) + (made - less) / 2) / (made - less);
}

void tinyi_resize_bilinear(struct tinyi_context *context) {
  enum { ALIGN_CORNERS = 2, HALF_PIXEL_CENTERS = 3, MOST = 1 << 14 /* places with 10 fraction bits */ };
  struct tinyi_tensor input, output;
  if (!tinyi_read_unary_alike(context, &input, &output)) {
    return;
  }
  const int32_t *size = tinyi_read_integers(context, 1, 2);
  tinyi_require(context,
                input.rank == 4 && output.rank == 4 && size != NULL && input.shape[1] == output.shape[1] &&
                    input.shape[4] == output.shape[4] && input.type == TINYI_INT8,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t is_aligned = tinyi_byte(&context->file, &context->options, ALIGN_CORNERS) != 0;
  tinyi_require(context,
                size[0] == output.shape[2] && size[1] == output.shape[3] && input.shape[2] <= MOST &&
                    input.shape[3] <= MOST && output.shape[2] <= MOST && output.shape[3] <= MOST,
                TINYI_UNSUPPORTED);
  const struct tinynn_resize_bilinear p = {
      .batches = input.shape[1],
      .input_height = input.shape[2],
      .input_width = input.shape[3],
      .channels = input.shape[4],
      .output_height = output.shape[2],
      .output_width = output.shape[3],
      .row_scale = resize_scale(input.shape[2], output.shape[2], is_aligned),
      .column_scale = resize_scale(input.shape[3], output.shape[3], is_aligned),
      .is_centred = tinyi_byte(&context->file, &context->options, HALF_PIXEL_CENTERS) != 0,
  };
  if (tinyi_computes(context)) {
    tinynn_resize_bilinear_ref(&p, input.data, output.data);
  }
}
