/* MUL, MINIMUM, MAXIMUM. */
#include "tinyi/operators.h"
#include "tinyi/shapes.h"

/* Field of the schema's MulOptions. */
enum { ACTIVATION = 0 };

/* Whether all shapes are equal; else how they are broadcast. */
static int32_t read(struct tinyi_context *context, struct tinyi_tensor *left, struct tinyi_tensor *right,
                    struct tinyi_tensor *output, struct tinynn_broadcast *broadcast) {
  tinyi_read_binary(context, left, right, output);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  const int32_t is_plain = left->elements == output->elements && right->elements == output->elements;
  context->in_place = is_plain ? 3 : 0;
  if (!is_plain) {
    tinyi_broadcast(context, left, right, output, broadcast);
  }
  return is_plain;
}

void tinyi_mul(struct tinyi_context *context) {
  struct tinyi_tensor left, right, output;
  struct tinynn_mul p;
  const int32_t is_plain = read(context, &left, &right, &output, &p.broadcast);
  if (context->file.status != TINYI_OK) {
    return;
  }
  tinyi_clamp(context, tinyi_byte(&context->file, &context->options, ACTIVATION), &output, &p.lowest, &p.highest);
  const struct tinyi_factor factor = tinyi_ratio(left.scale, output.scale, right.scale);
  tinyi_require(context, factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return;
  }
  p.elements = output.elements;
  p.left_zero_point = left.zero_point;
  p.right_zero_point = right.zero_point;
  p.output_zero_point = output.zero_point;
  p.output_multiplier = factor.multiplier;
  p.output_multiplier_shift = factor.shift;
  const struct tinyi_mul *kernels = context->kernel;
  const int32_t is_down = factor.shift <= -1 && factor.shift >= kernels->least_shift;
  kernels = is_down && (is_plain || tinyi_has_dense_rows(&p.broadcast)) ? kernels : &tinyi_mul_ref;
  (is_plain ? kernels->plain : kernels->broadcast)(&p, left.data, right.data, output.data);
}

void tinyi_mul_int16(struct tinyi_context *context) {
  struct tinyi_tensor left, right, output;
  struct tinynn_mul p;
  const int32_t is_plain = tinyi_read_binary_int16(context, &left, &right, &output, &p.broadcast);
  if (context->file.status != TINYI_OK) {
    return;
  }
  tinyi_clamp_int16(context, tinyi_byte(&context->file, &context->options, ACTIVATION), &output, &p.lowest, &p.highest);
  const struct tinyi_factor factor = tinyi_ratio(left.scale, output.scale, right.scale);
  tinyi_require(context, factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    p.elements = output.elements;
    p.output_multiplier = factor.multiplier;
    p.output_multiplier_shift = factor.shift;
    (is_plain ? tinynn_mul_int16_ref : tinynn_mul_broadcast_int16_ref)(&p, tinyi_int16(&left), tinyi_int16(&right),
                                                                       tinyi_int16(&output));
  }
}

typedef void kernel(const struct tinynn_minmax *restrict p, const int8_t *left, const int8_t *right, int8_t *output);

static void minmax(struct tinyi_context *context, kernel *plain, kernel *broadcast) {
  struct tinyi_tensor left, right, output;
  struct tinynn_minmax p;
  const int32_t is_plain = read(context, &left, &right, &output, &p.broadcast);
  tinyi_require(context, tinyi_has_same_quantisation(&left, &output) && tinyi_has_same_quantisation(&right, &output),
                TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    p.elements = output.elements;
    (is_plain ? plain : broadcast)(&p, left.data, right.data, output.data);
  }
}

void tinyi_minimum(struct tinyi_context *context) { minmax(context, tinynn_minimum_ref, tinynn_minimum_broadcast_ref); }

void tinyi_maximum(struct tinyi_context *context) { minmax(context, tinynn_maximum_ref, tinynn_maximum_broadcast_ref); }

typedef void kernel_int16(const struct tinynn_minmax *restrict p, const int16_t *left, const int16_t *right,
                          int16_t *output);

static void minmax_int16(struct tinyi_context *context, kernel_int16 *plain, kernel_int16 *broadcast) {
  struct tinyi_tensor left, right, output;
  struct tinynn_minmax p;
  const int32_t is_plain = tinyi_read_binary_int16(context, &left, &right, &output, &p.broadcast);
  tinyi_require(context, left.scale == output.scale && right.scale == output.scale, TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    p.elements = output.elements;
    (is_plain ? plain : broadcast)(&p, tinyi_int16(&left), tinyi_int16(&right), tinyi_int16(&output));
  }
}

void tinyi_minimum_int16(struct tinyi_context *context) {
  minmax_int16(context, tinynn_minimum_int16_ref, tinynn_minimum_broadcast_int16_ref);
}

void tinyi_maximum_int16(struct tinyi_context *context) {
  minmax_int16(context, tinynn_maximum_int16_ref, tinynn_maximum_broadcast_int16_ref);
}

#define KERNELS(variant, least_shift) \
  const struct tinyi_mul tinyi_mul_##variant = {tinynn_mul_##variant, tinynn_mul_broadcast_##variant, least_shift}
KERNELS(ref, -31);
KERNELS(c, -TINYNN_LARGEST_RIGHT_SHIFT);
#if defined(__ARM_FEATURE_DSP)
KERNELS(dsp, -TINYNN_LARGEST_RIGHT_SHIFT);
#endif
#if defined(__ARM_FEATURE_MVE)
KERNELS(mve, -31);
#endif
