/* Operators along axes: REDUCE_MAX, REDUCE_MIN, REDUCE_ALL, ARG_MAX, ARG_MIN, CUMSUM, ADD_N, L2_NORMALIZATION, LOG_SOFTMAX;
 * and functions of single numbers: ABS, RSQRT, ELU, LOGICAL_NOT, CAST. Where there are several, the kernel stands beside
 * the operator in the table. Factors are as TFLM prepares them (cumsum.cc, add_n.cc, log_softmax.cc, elementwise.cc). */
#include "tinyi/move.h"
#include "tinyi/operators.h"
#include "tinyi/real.h"

static int32_t read_pair(struct tinyi_context *context, struct tinyi_tensor *input, struct tinyi_tensor *output) {
  tinyi_read_any(context, &context->inputs, 0, input);
  tinyi_read_any(context, &context->outputs, 0, output);
  return context->file.status == TINYI_OK;
}

/* Both int8 with one scale, of as many elements. */
static int32_t read_int8(struct tinyi_context *context, struct tinyi_tensor *input, struct tinyi_tensor *output) {
  tinyi_read_unary(context, input, output);
  tinyi_require(context, input->elements == output->elements, TINYI_DAMAGED);
  return context->file.status == TINYI_OK;
}

typedef void reduction(const struct tinynn_mean *restrict p, const void *input, void *restrict output);

void tinyi_reduce(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_mean p;
  int32_t axes = 0, made = 1;
  if (!tinyi_read_unary_alike(context, &input, &output)) {
    return;
  }
  const int32_t *axis = tinyi_read_list(context, 1, &axes);
  tinyi_require(context, axes <= TINYNN_RANK, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    p.shape[i] = input.shape[i];
    p.reduced[i] = 0;
  }
  for (int32_t i = 0; i < axes; ++i) {
    p.reduced[tinyi_axis(context, &input, axis[i])] = 1;
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    made *= p.reduced[i] ? 1 : p.shape[i];
  }
  tinyi_require(context, made == output.elements, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    ((reduction *)(uintptr_t)context->kernel)(&p, input.data, output.data);
  }
}

/* The axis, input 1: elements in front of it, along it, behind it; 0 after a refusal. */
static int32_t read_axis(struct tinyi_context *context, const struct tinyi_tensor *input, int32_t *outer, int32_t *size,
                         int32_t *inner) {
  int32_t count = 0;
  const int32_t *axis = tinyi_read_list(context, 1, &count);
  tinyi_require(context, count == 1, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  const int32_t place = tinyi_axis(context, input, *axis);
  *size = input->shape[place];
  *inner = tinyi_axis_stride(input, place);
  *outer = input->elements / (*size * *inner);
  return context->file.status == TINYI_OK;
}

typedef void argument(const struct tinynn_along *restrict p, const void *input, int32_t *restrict output);

void tinyi_argument(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_along p;
  if (!read_pair(context, &input, &output) || !read_axis(context, &input, &p.outer, &p.size, &p.inner)) {
    return;
  }
  p.is_wide = output.type == TINYI_INT64;
  tinyi_require(context,
                (p.is_wide || output.type == TINYI_INT32) && output.elements == p.outer * p.inner &&
                    (input.type == TINYI_INT8 || input.type == TINYI_FLOAT32),
                TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    ((argument *)(uintptr_t)context->kernel)(&p, input.data, (int32_t *)(void *)output.data);
  }
}

/* Of CUMSUM and ADD_N: inputs of one scale. */
static void set_sums(struct tinyi_context *context, struct tinynn_totals *p, const struct tinyi_tensor *input,
                     const struct tinyi_tensor *output) {
  enum { TWO_TO_MINUS_19 = 0x36000000 };
  const struct tinyi_factor factor = tinyi_ratio(input->scale, output->scale, TWO_TO_MINUS_19);
  tinyi_require(context, factor.shift <= 0, TINYI_UNSUPPORTED); /* TFLM ends the program for 1 and more */
  p->input_zero_point = input->zero_point;
  p->output_zero_point = output->zero_point;
  p->multiplier = factor.multiplier;
  p->shift = factor.shift;
}

/* A tensor of int8 with one scale, or of float32. */
static int32_t read_sum(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                        int32_t is_real, struct tinyi_tensor *tensor) {
  (is_real ? tinyi_read_floats : tinyi_read_activation)(context, vector, position, tensor);
  return context->file.status == TINYI_OK;
}

/* Of which type the two are: int8 with one scale, or float32. */
static inline __attribute__((always_inline)) void cumsum(struct tinyi_context *context, int32_t is_real) {
  enum { EXCLUSIVE = 0, REVERSE = 1 };
  struct tinyi_tensor input, output;
  struct tinynn_totals p;
  if (!read_sum(context, &context->inputs, 0, is_real, &input) ||
      !read_axis(context, &input, &p.outer, &p.size, &p.inner) ||
      !read_sum(context, &context->outputs, 0, is_real, &output)) {
    return;
  }
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  p.is_exclusive = tinyi_byte(&context->file, &context->options, EXCLUSIVE) != 0;
  p.is_reversed = tinyi_byte(&context->file, &context->options, REVERSE) != 0;
  if (!is_real) {
    set_sums(context, &p, &input, &output);
  }
  if (tinyi_computes(context)) {
    is_real ? tinynn_cumsum_float32_ref(&p, input.data, output.data) : tinynn_cumsum_ref(&p, input.data, output.data);
  }
}

void tinyi_cumsum(struct tinyi_context *context) { cumsum(context, 0); }

void tinyi_cumsum_float32(struct tinyi_context *context) { cumsum(context, 1); }

/* The pointers to its inputs, of 8 bytes at most, are scratch, which is aligned to 4. */
static inline __attribute__((always_inline)) void add_n(struct tinyi_context *context, int32_t is_real) {
  struct tinyi_tensor input, output;
  struct tinynn_totals p;
  const uint32_t count = context->inputs.count;
  tinyi_require(context, count >= 1 && count <= TINYI_MAX_SIZE, TINYI_UNSUPPORTED);
  const int8_t **inputs = NULL;
  if (tinyi_computes(context)) {
    inputs = (const int8_t **)(void *)(context->scratch + ((uintptr_t)context->scratch & 4));
  } else {
    context->scratch_least = context->scratch_most = 8 * (count + 1);
  }
  for (uint32_t i = 0; i < count && context->file.status == TINYI_OK; ++i) {
    const struct tinyi_tensor before = input;
    read_sum(context, &context->inputs, i, is_real, &input);
    tinyi_require(context, i == 0 || (tinyi_is_alike(&before, &input) && before.elements == input.elements),
                  TINYI_UNSUPPORTED);
    if (tinyi_computes(context)) {
      inputs[i] = input.data;
    }
  }
  if (context->file.status != TINYI_OK || !read_sum(context, &context->outputs, 0, is_real, &output)) {
    return;
  }
  tinyi_require(context, output.elements == input.elements, TINYI_DAMAGED);
  if (context->file.status == TINYI_OK && !is_real) {
    set_sums(context, &p, &input, &output);
  }
  p.size = (int32_t)count;
  p.inner = output.elements;
  if (tinyi_computes(context)) {
    is_real ? tinynn_add_n_float32_ref(&p, inputs, output.data) : tinynn_add_n_ref(&p, inputs, output.data);
  }
}

void tinyi_add_n(struct tinyi_context *context) { add_n(context, 0); }

void tinyi_add_n_float32(struct tinyi_context *context) { add_n(context, 1); }

void tinyi_l2_normalization(struct tinyi_context *context) {
  enum { ACTIVATION = 0, OUTPUT_SCALE = 0x3c000000 /* 1/128 */, MOST = 1 << 15 /* squares whose sum has 31 bits */ };
  struct tinyi_tensor input, output;
  context->in_place = 1;
  if (!read_int8(context, &input, &output)) {
    return;
  }
  tinyi_require(context,
                tinyi_byte(&context->file, &context->options, ACTIVATION) == 0 && output.scale == OUTPUT_SCALE &&
                    output.zero_point == 0 && input.shape[4] < MOST,
                TINYI_UNSUPPORTED);
  const struct tinynn_totals p = {.outer = input.elements / input.shape[4],
                                  .size = input.shape[4],
                                  .input_zero_point = input.zero_point};
  if (tinyi_computes(context)) {
    tinynn_l2_normalization_ref(&p, input.data, output.data);
  }
}

void tinyi_log_softmax(struct tinyi_context *context) {
  enum { OUTPUT_SCALE = 0x3d800000 /* 1/16 */, OUTPUT_ZERO_POINT = 127, INTEGER_BITS = 5, UNIT = 1 << 23 };
  enum { MOST = 1 << 11 /* exponentials whose sum has 12 integer bits */ };
  struct tinyi_tensor input, output;
  context->in_place = 1;
  if (!read_int8(context, &input, &output)) {
    return;
  }
  /* scales of less than 32 are not cut off */
  tinyi_require(context,
                output.scale == OUTPUT_SCALE && output.zero_point == OUTPUT_ZERO_POINT &&
                    input.scale >= TINYI_LEAST_NORMAL && input.scale >> 23 < 127 + INTEGER_BITS - 1 &&
                    input.shape[4] <= MOST,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_factor factor =
      tinyi_ratio(TINYI_ONE, TINYI_ONE, input.scale + (31 - INTEGER_BITS) * (uint32_t)UNIT);
  /* 2^(31 - shift) / multiplier is no more than 1 */
  tinyi_require(context, factor.shift >= 1 && factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  if (!tinyi_computes(context)) {
    return;
  }
  const struct tinyi_factor reverse = tinyi_reciprocal(factor);
  const int64_t largest = (int64_t)((1 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS);
  const struct tinynn_log_softmax p = {.rows = input.elements / input.shape[4],
                                       .columns = input.shape[4],
                                       .multiplier = factor.multiplier,
                                       .left_shift = factor.shift,
                                       .reverse_multiplier = reverse.multiplier,
                                       .reverse_shift = reverse.shift,
                                       .least_difference = -(int32_t)(largest >> factor.shift)};
  tinynn_log_softmax_ref(&p, input.data, output.data);
}

/* Functions of single numbers */

typedef void function(const struct tinynn_requantise *restrict p, const int8_t *input, int8_t *output);

static void call(struct tinyi_context *context, struct tinyi_factor factor, const struct tinyi_tensor *input,
                 const struct tinyi_tensor *output, function *kernel) {
  const struct tinynn_requantise p = {.elements = output->elements,
                                      .input_zero_point = input->zero_point,
                                      .output_zero_point = output->zero_point,
                                      .multiplier = factor.multiplier,
                                      .shift = factor.shift,
                                      .lowest = INT8_MIN,
                                      .highest = INT8_MAX};
  if (tinyi_computes(context)) {
    kernel(&p, input->data, output->data);
  }
}

void tinyi_abs(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  context->in_place = 1;
  if (read_int8(context, &input, &output)) {
    const float ratio = tinyi_real(input.scale) / tinyi_real(output.scale);
    call(context, tinyi_factor_of_real(context, ratio), &input, &output, tinynn_abs_ref);
  }
}

void tinyi_rsqrt(struct tinyi_context *context) {
  enum { LEAST_SHIFT = 20 - 31 };
  struct tinyi_tensor input, output;
  context->in_place = 1;
  if (!read_int8(context, &input, &output)) {
    return;
  }
  const uint32_t scale = tinyi_bits(__builtin_sqrtf(tinyi_real(input.scale)) * tinyi_real(output.scale));
  tinyi_require(context, tinyi_is_positive(scale), TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_factor factor = tinyi_ratio(TINYI_ONE, scale, TINYI_ONE);
  tinyi_require(context, factor.shift >= LEAST_SHIFT && factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  call(context, factor, &input, &output, tinynn_rsqrt_ref);
}

/* A table in scratch, as elu.cc of TFLM makes it. */
void tinyi_elu(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  context->in_place = 1;
  context->scratch_least = context->scratch_most = 256;
  if (!read_int8(context, &input, &output) || !tinyi_computes(context)) {
    return;
  }
  const float scale = tinyi_real(input.scale), inverse = 1 / tinyi_real(output.scale);
  int8_t *table = (int8_t *)context->scratch;
  for (int32_t i = 0; i < 256; ++i) {
    const float value = scale * (float)(i + INT8_MIN - input.zero_point);
    const float steps = (value < 0 ? __builtin_expf(value) - 1 : value) * inverse;
    const float rounded = steps < 0 ? steps - 0.5f : steps + 0.5f; /* cut off below */
    const int32_t whole = rounded < 512 ? (rounded > -512 ? (int32_t)rounded : -512) : 512;
    const int32_t made = whole + output.zero_point;
    table[i] = (int8_t)(made < INT8_MIN ? INT8_MIN : made > INT8_MAX ? INT8_MAX : made);
  }
  const struct tinynn_lookup p = {table, output.elements};
  tinynn_lookup_c(&p, input.data, output.data);
}

void tinyi_logical_not(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  context->in_place = 1;
  if (!tinyi_read_unary_alike(context, &input, &output)) {
    return;
  }
  tinyi_require(context, input.type == TINYI_BOOL && input.elements == output.elements, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    const struct tinynn_copy p = {output.elements};
    tinynn_logical_not_ref(&p, input.data, output.data);
  }
}

static void cast(struct tinyi_context *context,
                 void (*kernel)(const struct tinynn_cast *restrict p, const void *restrict input, void *restrict output)) {
  struct tinyi_tensor input, output;
  if (!read_pair(context, &input, &output)) {
    return;
  }
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  tinyi_require(context, input.type != TINYI_UINT64 && output.type != TINYI_UINT64, TINYI_UNSUPPORTED);
  tinyi_require(context,
                kernel != tinynn_cast_ref || (input.type != TINYI_FLOAT32 && output.type != TINYI_FLOAT32),
                TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    const struct tinynn_cast p = {output.elements, input.type, output.type};
    kernel(&p, input.data, output.data);
  }
}

void tinyi_cast(struct tinyi_context *context) { cast(context, tinynn_cast_ref); }

void tinyi_cast_float32(struct tinyi_context *context) { cast(context, tinynn_cast_float32_ref); }
