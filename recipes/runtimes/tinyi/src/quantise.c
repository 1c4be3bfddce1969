/* QUANTIZE from float32 or from integers of another scale or type, DEQUANTIZE to float32. */
#include "tinyi/operators.h"
#include "tinyi/real.h"

/* The int8 side of both. */
static struct tinynn_affine affine(const struct tinyi_tensor *tensor) {
  const struct tinynn_affine p = {
      .elements = tensor->elements, .scale = tinyi_real(tensor->scale), .zero_point = tensor->zero_point};
  return p;
}

void tinyi_quantise(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  if (tinyi_type(context, 0) != TINYI_FLOAT32) {
    tinyi_requantise(context);
    return;
  }
  tinyi_read_floats(context, &context->inputs, 0, &input);
  tinyi_read_activation(context, &context->outputs, 0, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    const struct tinynn_affine p = affine(&output);
    tinynn_quantise_ref(&p, (const float *)(const void *)input.data, output.data);
  }
}

void tinyi_dequantise(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_activation(context, &context->inputs, 0, &input);
  tinyi_read_floats(context, &context->outputs, 0, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    const struct tinynn_affine p = affine(&input);
    tinynn_dequantise_ref(&p, input.data, (float *)(void *)output.data);
  }
}

void tinyi_dequantise_int16(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_form(context, &context->inputs, 0, TINYI_INT16, &input);
  tinyi_read_floats(context, &context->outputs, 0, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    const struct tinynn_affine p = affine(&input);
    tinynn_dequantise_int16_ref(&p, tinyi_int16(&input), (float *)(void *)output.data);
  }
}

/* From one integer type to another; 0 where there is no kernel. */
static int32_t convert(const struct tinynn_requantise *p, const struct tinyi_tensor *input,
                       const struct tinyi_tensor *output, int32_t may_compute) {
  int32_t is_known = 0;
#define CONVERT(from, FROM, to, TO)                                                                       \
  if (input->type == TINYI_##FROM && output->type == TINYI_##TO) {                                        \
    is_known = 1;                                                                                         \
    if (may_compute) {                                                                                    \
      tinynn_requantise_##from##_##to##_ref(p, (const from##_t *)(const void *)input->data,               \
                                            (to##_t *)(void *)output->data);                              \
    }                                                                                                     \
  }
  CONVERT(int8, INT8, int16, INT16)
  CONVERT(int8, INT8, int32, INT32)
  CONVERT(int16, INT16, int8, INT8)
  CONVERT(int16, INT16, int16, INT16)
  CONVERT(int16, INT16, int32, INT32)
  CONVERT(int32, INT32, int8, INT8)
  CONVERT(int32, INT32, int16, INT16)
  return is_known;
}

/* What the rarer forms have in common; those of int8 alone go the way above. */
void tinyi_quantise_any(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_any(context, &context->inputs, 0, &input);
  tinyi_read_any(context, &context->outputs, 0, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t is_real = input.type == TINYI_FLOAT32, is_narrow = output.type == TINYI_INT8;
  tinyi_require(context,
                output.scale != 0 && (is_real || input.scale != 0) &&
                    (output.type != TINYI_INT16 || output.zero_point == 0),
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  if (is_real) {
    const struct tinynn_affine p = affine(&output);
    tinyi_require(context, is_narrow || output.type == TINYI_INT16, TINYI_UNSUPPORTED);
    if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
      const float *values = (const float *)(const void *)input.data;
      is_narrow ? tinynn_quantise_ref(&p, values, output.data)
                : tinynn_quantise_int16_ref(&p, values, tinyi_int16(&output));
    }
    return;
  }
  const int32_t is_from_byte = input.type == TINYI_INT8 || input.type == TINYI_UINT8;
  const int32_t is_unsigned = output.type == TINYI_UINT8, is_of_bytes = is_from_byte && (is_narrow || is_unsigned);
  if (is_narrow && input.type == TINYI_INT8) {
    context->in_place = 1;
  }
  const struct tinyi_factor factor = tinyi_ratio(input.scale, output.scale, TINYI_ONE);
  const int32_t highest = is_narrow ? INT8_MAX : output.type == TINYI_INT16 ? INT16_MAX : INT32_MAX;
  const struct tinynn_requantise p = {.elements = output.elements,
                                      .input_zero_point = input.zero_point,
                                      .output_zero_point = output.zero_point,
                                      .multiplier = factor.multiplier,
                                      .shift = factor.shift,
                                      .lowest = is_unsigned ? 0 : -1 - highest,
                                      .highest = is_unsigned ? UINT8_MAX : highest};
  const int32_t may_compute = context->lifetimes == NULL && factor.shift <= TINYI_LARGEST_SHIFT;
  int32_t is_known = convert(&p, &input, &output, may_compute);
  if (is_of_bytes) {
    is_known = 1;
    if (may_compute) {
      (input.type == TINYI_INT8 ? tinynn_requantise_ref : tinynn_requantise_uint8_ref)(&p, input.data, output.data);
    }
  }
  tinyi_require(context, is_known && factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
}

void tinyi_dequantise_uint8(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_quantised(context, &context->inputs, 0, TINYI_UINT8, &input);
  tinyi_read_floats(context, &context->outputs, 0, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    const struct tinynn_affine p = affine(&input);
    tinynn_dequantise_uint8_ref(&p, (const uint8_t *)input.data, (float *)(void *)output.data);
  }
}
