/* Operators of float32 tensors: shapes and options are read and checked, tinynn's kernels compute. */
#include "tinyi/float32.h"
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/shapes.h"
#include "tinyi/window.h"

/* Of TFLite's enumeration ActivationFunctionType, those that TFLM has for float32. */
enum { ACTIVATION_NONE = 0, ACTIVATION_RELU = 1, ACTIVATION_RELU_N1_TO_1 = 2, ACTIVATION_RELU6 = 3 };
static const float MOST = 0x1.fffffep127f;

static void clamp(struct tinyi_context *context, int32_t activation, float *lowest, float *highest) {
  tinyi_require(context, activation >= ACTIVATION_NONE && activation <= ACTIVATION_RELU6, TINYI_UNSUPPORTED);
  *lowest = activation == ACTIVATION_NONE ? -MOST : activation == ACTIVATION_RELU_N1_TO_1 ? -1.0f : 0.0f;
  *highest = activation == ACTIVATION_RELU6 ? 6.0f : activation == ACTIVATION_RELU_N1_TO_1 ? 1.0f : MOST;
}

/* Whether all is well and this is an inference. */
static int32_t is_computed(const struct tinyi_context *context) {
  return context->file.status == TINYI_OK && context->lifetimes == NULL;
}

static void read_input(struct tinyi_context *context, uint32_t position, struct tinyi_tensor *tensor) {
  tinyi_read_floats(context, &context->inputs, position, tensor);
}

static void read_output(struct tinyi_context *context, struct tinyi_tensor *tensor) {
  tinyi_read_floats(context, &context->outputs, 0, tensor);
}

/* Constants of a layer; NULL for a bias that isn't there. */
static const float *read_weights(struct tinyi_context *context, uint32_t position, struct tinyi_tensor *tensor) {
  read_input(context, position, tensor);
  tinyi_require(context, tensor->is_constant, TINYI_UNSUPPORTED);
  return tinyi_reals(tensor);
}

static const float *read_bias(struct tinyi_context *context, uint32_t position, int32_t channels) {
  struct tinyi_tensor bias;
  if (tinyi_index(context, &context->inputs, position) < 0) {
    return NULL;
  }
  const float *values = read_weights(context, position, &bias);
  tinyi_require(context, bias.elements == channels, TINYI_UNSUPPORTED);
  return values;
}

/* CONV_2D and DEPTHWISE_CONV_2D: fields of their options; from ACTIVATION on the latter has them one place further. */
enum { ACTIVATION = 3, DILATION_W = 4 };

void tinyi_read_convolution_float32(struct tinyi_context *context, uint32_t is_depthwise, struct tinyi_tensor *input,
                                    const struct tinyi_tensor *weights, struct tinyi_tensor *output,
                                    struct tinynn_conv2d_float32 *p) {
  struct tinyi_file *file = &context->file;
  read_input(context, 0, input);
  read_output(context, output);
  if (file->status != TINYI_OK) {
    return;
  }
  const int32_t channels = weights->shape[is_depthwise ? 4 : 1];
  p->bias = read_bias(context, 2, channels);
  p->groups = is_depthwise ? channels / input->shape[4] : input->shape[4] / weights->shape[4];
  const int32_t fits = is_depthwise ? weights->shape[1] == 1 && p->groups * input->shape[4] == channels
                                    : p->groups * weights->shape[4] == input->shape[4] && p->groups > 0 &&
                                          channels % p->groups == 0;
  tinyi_require(context,
                input->rank == 4 && weights->rank == 4 && output->rank == 4 && fits && output->shape[4] == channels &&
                    output->shape[1] == input->shape[1],
                TINYI_UNSUPPORTED);
  if (file->status != TINYI_OK) {
    return;
  }
  const struct tinyi_window window =
      tinyi_read_window(context, &input->shape[2], &weights->shape[2], &output->shape[2], DILATION_W + is_depthwise);
  clamp(context, tinyi_byte(file, &context->options, ACTIVATION + is_depthwise), &p->lowest, &p->highest);
  TINYI_SET_SIZES(p, input, output);
  TINYI_SET_WINDOW(p, window);
  p->dilation_y = window.y.dilation;
  p->dilation_x = window.x.dilation;
}

static void convolution(struct tinyi_context *context, uint32_t is_depthwise) {
  struct tinyi_tensor input, weights, output;
  struct tinynn_conv2d_float32 p;
  p.weights = read_weights(context, 1, &weights);
  tinyi_read_convolution_float32(context, is_depthwise, &input, &weights, &output, &p);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t channels = p.output_channels;
  const int32_t products = weights.elements / (is_depthwise ? channels : weights.shape[1]);
  const int32_t is_pointwise =
      p.kernel_height * p.kernel_width == 1 && p.input_height == p.output_height && p.input_width == p.output_width;
  if (context->lifetimes != NULL) {
    tinyi_note_work(context, output.elements, products);
    context->scratch_least = is_depthwise || is_pointwise || p.groups != 1 ? 0 : 16 * (uint32_t)products;
    context->scratch_most = context->scratch_least;
  } else if (is_depthwise) {
    /* the two structs are alike */
    const struct tinynn_depthwise_float32 *depthwise = (const struct tinynn_depthwise_float32 *)(const void *)&p;
    (p.groups == 1 ? tinynn_depthwise_float32_c : tinynn_depthwise_float32_ref)(depthwise, tinyi_reals(&input),
                                                                               tinyi_results(&output), NULL);
  } else {
    (p.groups == 1 ? tinynn_conv2d_float32_c : tinynn_conv2d_float32_ref)(&p, tinyi_reals(&input), tinyi_results(&output),
                                                                         is_pointwise ? NULL : context->scratch);
  }
}

void tinyi_conv2d_float32(struct tinyi_context *context) { convolution(context, 0); }

void tinyi_depthwise_float32(struct tinyi_context *context) { convolution(context, 1); }

/* FULLY_CONNECTED: field of its options. A convolution over pixels that are rows; a product of matrices where the
 * weights are an activation. */
void tinyi_read_dense_float32(struct tinyi_context *context, struct tinyi_tensor *input,
                              const struct tinyi_tensor *weights, struct tinyi_tensor *output,
                              struct tinynn_conv2d_float32 *p) {
  enum { FULLY_CONNECTED_ACTIVATION = 0 };
  float lowest, highest;
  read_input(context, 0, input);
  read_output(context, output);
  clamp(context, tinyi_byte(&context->file, &context->options, FULLY_CONNECTED_ACTIVATION), &lowest, &highest);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t depth = weights->shape[4], channels = weights->shape[3], rows = input->elements / depth;
  const float *bias = read_bias(context, 2, channels);
  tinyi_require(context,
                weights->rank == 2 && rows * depth == input->elements && output->elements / channels == rows &&
                    output->shape[4] == channels && (weights->is_constant || bias == NULL),
                TINYI_UNSUPPORTED);
  const struct tinynn_conv2d_float32 made = {
      tinyi_reals(weights), bias, rows, 1, 1, depth, 1, 1, channels, 1, 1, 1, 1, 1, 1, 1, 0, 0, lowest, highest};
  *p = made;
}

void tinyi_fully_connected_float32(struct tinyi_context *context) {
  struct tinyi_tensor input, weights, output;
  struct tinynn_conv2d_float32 p;
  read_input(context, 1, &weights);
  tinyi_read_dense_float32(context, &input, &weights, &output, &p);
  if (context->file.status == TINYI_OK && context->lifetimes != NULL) {
    tinyi_note_work(context, output.elements, p.input_channels);
  }
  if (!is_computed(context)) {
    return;
  }
  if (weights.is_constant) {
    tinynn_conv2d_float32_c(&p, tinyi_reals(&input), tinyi_results(&output), NULL);
    return;
  }
  const int32_t depth = p.input_channels;
  const struct tinynn_matmul_float32 product = {{1, 1, 1}, {0},   {0}, p.batches, depth,    p.output_channels,
                                                depth,     1,     1,   depth,     p.lowest, p.highest};
  tinynn_matmul_float32_ref(&product, tinyi_reals(&input), tinyi_reals(&weights), tinyi_results(&output));
}

void tinyi_batch_matmul_float32(struct tinyi_context *context) {
  enum { ADJ_X = 0, ADJ_Y = 1 };
  struct tinyi_tensor left, right, output;
  struct tinynn_matmul_float32 p = {.lowest = -MOST, .highest = MOST};
  read_input(context, 0, &left);
  read_input(context, 1, &right);
  read_output(context, &output);
  const int32_t turns_left = tinyi_byte(&context->file, &context->options, ADJ_X) != 0;
  const int32_t turns_right = tinyi_byte(&context->file, &context->options, ADJ_Y) != 0;
  if (context->file.status != TINYI_OK) {
    return;
  }
  p.rows = output.shape[3];
  p.columns = output.shape[4];
  p.depth = left.shape[turns_left ? 3 : 4];
  tinyi_require(context,
                left.rank >= 2 && right.rank >= 2 && left.shape[turns_left ? 4 : 3] == p.rows &&
                    right.shape[turns_right ? 3 : 4] == p.columns && right.shape[turns_right ? 4 : 3] == p.depth,
                TINYI_UNSUPPORTED);
  p.left_row = turns_left ? 1 : p.depth;
  p.left_depth = turns_left ? p.rows : 1;
  p.right_depth = turns_right ? 1 : p.columns;
  p.right_column = turns_right ? p.depth : 1;
  for (int32_t i = 2, l = p.rows * p.depth, r = p.depth * p.columns; i >= 0; --i) {
    const int32_t of_left = left.shape[i], of_right = right.shape[i];
    p.batches[i] = output.shape[i];
    tinyi_require(context,
                  (of_left == 1 || of_left == p.batches[i]) && (of_right == 1 || of_right == p.batches[i]),
                  TINYI_UNSUPPORTED);
    p.left_batches[i] = of_left == 1 ? 0 : l;
    p.right_batches[i] = of_right == 1 ? 0 : r;
    l *= of_left;
    r *= of_right;
  }
  if (context->lifetimes != NULL) {
    tinyi_note_work(context, output.elements, p.depth);
  }
  if (is_computed(context)) {
    tinynn_matmul_float32_ref(&p, tinyi_reals(&left), tinyi_reals(&right), tinyi_results(&output));
  }
}

void tinyi_transpose_conv_float32(struct tinyi_context *context) {
  enum { BIAS = 3, TRANSPOSE_ACTIVATION = 3 };
  struct tinyi_tensor input, weights, output;
  struct tinyi_window window;
  struct tinynn_transpose_conv_float32 p;
  tinyi_read_transposed(context, TINYI_FLOAT32, &input, &weights, &output, &window);
  if (context->file.status != TINYI_OK) {
    return;
  }
  p.weights = tinyi_reals(&weights);
  p.bias = read_bias(context, BIAS, weights.shape[1]);
  clamp(context, tinyi_byte(&context->file, &context->options, TRANSPOSE_ACTIVATION), &p.lowest, &p.highest);
  TINYI_SET_SIZES(&p, &input, &output);
  TINYI_SET_WINDOW(&p, window);
  if (context->lifetimes != NULL) {
    tinyi_note_work(context, output.elements, weights.elements / weights.shape[1]);
  }
  if (is_computed(context)) {
    tinynn_transpose_conv_float32_ref(&p, tinyi_reals(&input), tinyi_results(&output));
  }
}

/* Pools: fields of the schema's Pool2DOptions. `kernel` is the function. */
typedef void pool_kernel(const struct tinynn_pool_float32 *restrict p, const float *input, float *output);

void tinyi_pool_float32(struct tinyi_context *context) {
  enum { FILTER_WIDTH = 3, FILTER_HEIGHT = 4, POOL_ACTIVATION = 5 };
  struct tinyi_file *file = &context->file;
  struct tinyi_tensor input, output;
  struct tinynn_pool_float32 p;
  read_input(context, 0, &input);
  read_output(context, &output);
  tinyi_require(context,
                input.rank == 4 && output.rank == 4 && input.shape[1] == output.shape[1] &&
                    input.shape[4] == output.shape[4],
                TINYI_UNSUPPORTED);
  if (file->status != TINYI_OK) {
    return;
  }
  const int32_t filter[] = {tinyi_int(file, &context->options, FILTER_HEIGHT, 0),
                            tinyi_int(file, &context->options, FILTER_WIDTH, 0)};
  const struct tinyi_window window = tinyi_read_window(context, &input.shape[2], filter, &output.shape[2], 0);
  const struct tinyi_axis y = window.y, x = window.x;
  clamp(context, tinyi_byte(file, &context->options, POOL_ACTIVATION), &p.lowest, &p.highest);
  p.batches = input.shape[1];
  p.input_height = y.input;
  p.input_width = x.input;
  p.channels = input.shape[4];
  p.output_height = y.output;
  p.output_width = x.output;
  TINYI_SET_WINDOW(&p, window);
  if (context->lifetimes != NULL) {
    /* no more of a window is read than the input has */
    const int32_t rows = y.kernel < y.input ? y.kernel : y.input, columns = x.kernel < x.input ? x.kernel : x.input;
    tinyi_note_work(context, output.elements, rows * columns);
  }
  if (is_computed(context)) {
    ((pool_kernel *)(uintptr_t)context->kernel)(&p, tinyi_reals(&input), tinyi_results(&output));
  }
}

/* Two inputs; `kernel` is the function. Operators without a fused activation have no field for it. */
typedef void binary_kernel(const struct tinynn_binary_float32 *restrict p, const float *left, const float *right,
                           float *output);

void tinyi_binary_float32(struct tinyi_context *context) {
  enum { BINARY_ACTIVATION = 0 };
  struct tinyi_tensor left, right, output;
  struct tinynn_broadcast broadcast;
  struct tinynn_binary_float32 p;
  read_input(context, 0, &left);
  read_input(context, 1, &right);
  read_output(context, &output);
  if (context->file.status != TINYI_OK) {
    return;
  }
  clamp(context, tinyi_byte(&context->file, &context->options, BINARY_ACTIVATION), &p.lowest, &p.highest);
  tinyi_broadcast(context, &left, &right, &output, &broadcast);
  context->in_place = left.elements == output.elements && right.elements == output.elements ? 3 : 0;
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    p.shape[i] = broadcast.shape[i];
    p.left_strides[i] = broadcast.left_strides[i];
    p.right_strides[i] = broadcast.right_strides[i];
  }
  if (is_computed(context)) {
    ((binary_kernel *)(uintptr_t)context->kernel)(&p, tinyi_reals(&left), tinyi_reals(&right), tinyi_results(&output));
  }
}

/* One input and an output of its shape. */
static int32_t read_unary(struct tinyi_context *context, struct tinyi_tensor *input, struct tinyi_tensor *output) {
  read_input(context, 0, input);
  read_output(context, output);
  tinyi_require(context, input->elements == output->elements, TINYI_DAMAGED);
  context->in_place = 1;
  return is_computed(context);
}

/* Functions of one value; `kernel` is the function. */
typedef void unary_kernel(const struct tinynn_unary_float32 *restrict p, const float *input, float *output);

static void unary(struct tinyi_context *context, unary_kernel *kernel, float alpha, int32_t activation) {
  struct tinyi_tensor input, output;
  if (read_unary(context, &input, &output)) {
    struct tinynn_unary_float32 p = {.elements = output.elements, .alpha = alpha};
    clamp(context, activation, &p.lowest, &p.highest);
    kernel(&p, tinyi_reals(&input), tinyi_results(&output));
  }
}

void tinyi_unary_float32(struct tinyi_context *context) {
  unary(context, (unary_kernel *)(uintptr_t)context->kernel, 0, ACTIVATION_NONE);
}

void tinyi_relu_float32(struct tinyi_context *context) {
  unary(context, tinynn_clamp_float32_ref, 0, ACTIVATION_RELU);
}

void tinyi_relu6_float32(struct tinyi_context *context) {
  unary(context, tinynn_clamp_float32_ref, 0, ACTIVATION_RELU6);
}

void tinyi_leaky_relu_float32(struct tinyi_context *context) {
  enum { ALPHA = 0 };
  const uint32_t alpha = (uint32_t)tinyi_int(&context->file, &context->options, ALPHA, 0);
  unary(context, tinynn_leaky_relu_float32_ref, tinyi_real(alpha), ACTIVATION_NONE);
}

/* Functions of rows; `kernel` is the function. */
typedef void rows_kernel(const struct tinynn_rows_float32 *restrict p, const float *input, float *output);

static void rows(struct tinyi_context *context, float beta) {
  struct tinyi_tensor input, output;
  if (read_unary(context, &input, &output)) {
    const struct tinynn_rows_float32 p = {input.elements / input.shape[4], input.shape[4], beta};
    ((rows_kernel *)(uintptr_t)context->kernel)(&p, tinyi_reals(&input), tinyi_results(&output));
  }
}

void tinyi_rows_float32(struct tinyi_context *context) { rows(context, 1); }

void tinyi_softmax_float32(struct tinyi_context *context) {
  enum { BETA = 0 };
  rows(context, tinyi_real((uint32_t)tinyi_int(&context->file, &context->options, BETA, 0)));
}

void tinyi_l2_normalization_float32(struct tinyi_context *context) {
  enum { L2_ACTIVATION = 0 };
  tinyi_require(context, tinyi_byte(&context->file, &context->options, L2_ACTIVATION) == 0, TINYI_UNSUPPORTED);
  rows(context, 1);
}

/* Input pixels for each output pixel: see CalculateResizeScale of TFLite (resize_bilinear.h). */
static float resize_scale(int32_t given, int32_t made, int32_t is_aligned) {
  const int32_t less = is_aligned && made > 1;
  return (float)(given - less) / (float)(made - less);
}

/* Whether it is computed now. */
static int32_t read_resize(struct tinyi_context *context, uint32_t type, struct tinyi_tensor *input,
                           struct tinyi_tensor *output, struct tinynn_resize_float32 *p) {
  enum { ALIGN_CORNERS = 2, HALF_PIXEL_CENTERS = 3 };
  tinyi_read_any(context, &context->inputs, 0, input);
  const int32_t *size = tinyi_read_integers(context, 1, 2);
  tinyi_read_any(context, &context->outputs, 0, output);
  tinyi_require(context,
                input->type == type && output->type == type && input->rank == 4 && output->rank == 4 && size != NULL &&
                    input->shape[1] == output->shape[1] && input->shape[4] == output->shape[4],
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  tinyi_require(context, size[0] == output->shape[2] && size[1] == output->shape[3], TINYI_UNSUPPORTED);
  const int32_t is_aligned = tinyi_byte(&context->file, &context->options, ALIGN_CORNERS) != 0;
  const struct tinynn_resize_float32 made = {
      .batches = input->shape[1],
      .input_height = input->shape[2],
      .input_width = input->shape[3],
      .channels = input->shape[4],
      .output_height = output->shape[2],
      .output_width = output->shape[3],
      .scale_y = resize_scale(input->shape[2], output->shape[2], is_aligned),
      .scale_x = resize_scale(input->shape[3], output->shape[3], is_aligned),
      .has_half_pixels = tinyi_byte(&context->file, &context->options, HALF_PIXEL_CENTERS) != 0,
  };
  *p = made;
  return is_computed(context);
}

void tinyi_resize_bilinear_float32(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_resize_float32 p;
  if (read_resize(context, TINYI_FLOAT32, &input, &output, &p)) {
    tinynn_resize_bilinear_float32_ref(&p, tinyi_reals(&input), tinyi_results(&output));
  }
}

void tinyi_resize_bilinear_uint8(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_resize_float32 p;
  if (read_resize(context, TINYI_UINT8, &input, &output, &p)) {
    tinynn_resize_bilinear_uint8_ref(&p, (const uint8_t *)input.data, (uint8_t *)output.data);
  }
}
