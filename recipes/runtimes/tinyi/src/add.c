/* ADD and SUB: factors as TFLite prepares them (kernels/add.cc). */
#include "tinyi/operators.h"
#include "tinyi/shapes.h"

/* Field of the schema's AddOptions and SubOptions. */
enum { ACTIVATION = 0 };
enum { LEFT_SHIFT = 20, INT16_LEFT_SHIFT = 15, HALF = 1 << 30, LEAST_SHIFT = -TINYNN_LARGEST_RIGHT_SHIFT };
/* 2^-1, 2^-14 and 2^-19 as float32. */
enum { ONE_HALF = 0x3f000000, TWO_TO_MINUS_14 = 0x38800000, TWO_TO_MINUS_19 = 0x36000000 };

/* The bits of positive float32 numbers are ordered as the numbers are. */
static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* The kernel for these factors: c/add.c of tinynn says what the fast ones need. */
static tinyi_add_kernel *choose(const struct tinyi_add *kernels, const struct tinynn_add *p) {
  const int32_t left = p->left_multiplier_shift, right = p->right_multiplier_shift;
  /* a scale of less than 2^-32 of the other's has the multiplier 0 */
  const int32_t has_whole =
      ((p->left_multiplier == HALF && left == 0) || (p->right_multiplier == HALF && right == 0)) &&
      p->left_multiplier != 0 && p->right_multiplier != 0;
  const int32_t is_down = left <= 0 && left >= LEAST_SHIFT && right <= 0 && right >= LEAST_SHIFT &&
                          p->output_multiplier_shift <= -1 && p->output_multiplier_shift >= LEAST_SHIFT;
  if (!has_whole || !is_down) {
    return kernels->general;
  }
  return left < 0 || right < 0 ? kernels->below_half : kernels->one_half;
}

static inline __attribute__((always_inline)) void set_factors(struct tinynn_add *p, const struct tinyi_tensor *left,
                                                              const struct tinyi_tensor *right,
                                                              const struct tinyi_tensor *output, uint32_t largest,
                                                              struct tinyi_factor output_factor) {
  const struct tinyi_factor left_factor = tinyi_ratio(left->scale, largest, ONE_HALF);
  const struct tinyi_factor right_factor = tinyi_ratio(right->scale, largest, ONE_HALF);
  p->elements = output->elements;
  p->left_zero_point = left->zero_point;
  p->left_multiplier = left_factor.multiplier;
  p->left_multiplier_shift = left_factor.shift;
  p->right_zero_point = right->zero_point;
  p->right_multiplier = right_factor.multiplier;
  p->right_multiplier_shift = right_factor.shift;
  p->output_zero_point = output->zero_point;
  p->output_multiplier = output_factor.multiplier;
  p->output_multiplier_shift = output_factor.shift;
}

void tinyi_add(struct tinyi_context *context) {
  struct tinyi_tensor left, right, output;
  struct tinynn_add p;
  tinyi_read_binary(context, &left, &right, &output);
  if (context->file.status != TINYI_OK) {
    return;
  }
  tinyi_clamp(context, tinyi_byte(&context->file, &context->options, ACTIVATION), &output, &p.lowest, &p.highest);
  /* broadcast operands have other numbers of elements; equal ones lie alike */
  const int32_t is_plain = left.elements == output.elements && right.elements == output.elements;
  context->in_place = is_plain ? 3 : 0;
  if (!is_plain) {
    const struct tinyi_add *kernels = context->kernel;
    tinyi_require(context, kernels->broadcast != NULL, TINYI_UNSUPPORTED);
    tinyi_broadcast(context, &left, &right, &output, &p.broadcast);
  }
  const uint32_t largest = larger(left.scale, right.scale);
  const struct tinyi_factor output_factor = tinyi_ratio(largest, output.scale, TWO_TO_MINUS_19);
  tinyi_require(context, output_factor.shift <= 0, TINYI_UNSUPPORTED); /* TFLM ends the program for 1 and more */
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return;
  }
  p.left_shift = LEFT_SHIFT;
  set_factors(&p, &left, &right, &output, largest, output_factor);
  const struct tinyi_add *kernels = context->kernel;
  tinyi_add_kernel *kernel = choose(is_plain ? kernels : kernels->broadcast, &p);
  if (!is_plain && !tinyi_has_dense_rows(&p.broadcast)) {
    kernel = kernels->broadcast->general;
  }
  kernel(&p, left.data, right.data, output.data);
}

typedef void kernel_int16(const struct tinynn_add *restrict p, const int16_t *left, const int16_t *right,
                          int16_t *output);

static void add_int16(struct tinyi_context *context, kernel_int16 *plain, kernel_int16 *broadcast) {
  struct tinyi_tensor left, right, output;
  struct tinynn_add p;
  const int32_t is_plain = tinyi_read_binary_int16(context, &left, &right, &output, &p.broadcast);
  if (context->file.status != TINYI_OK) {
    return;
  }
  tinyi_clamp_int16(context, tinyi_byte(&context->file, &context->options, ACTIVATION), &output, &p.lowest, &p.highest);
  const uint32_t largest = larger(left.scale, right.scale);
  const struct tinyi_factor output_factor = tinyi_ratio(largest, output.scale, TWO_TO_MINUS_14);
  tinyi_require(context, output_factor.shift <= 0, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return;
  }
  p.left_shift = INT16_LEFT_SHIFT;
  set_factors(&p, &left, &right, &output, largest, output_factor);
  (is_plain ? plain : broadcast)(&p, tinyi_int16(&left), tinyi_int16(&right), tinyi_int16(&output));
}

void tinyi_add_int16(struct tinyi_context *context) {
  add_int16(context, tinynn_add_int16_ref, tinynn_add_broadcast_int16_ref);
}

void tinyi_sub_int16(struct tinyi_context *context) {
  add_int16(context, tinynn_sub_int16_ref, tinynn_sub_broadcast_int16_ref);
}

/* The kernels of a variant for ADD or SUB; `one_half`: the variant that takes two multipliers of 1/2. Those named
 * `general` take inputs of different shapes, too. */
#define KERNELS(op, variant, one_half)                                                                             \
  static const struct tinyi_add op##_broadcast_##variant = {                                                       \
      tinynn_##op##_broadcast_ref, tinynn_##op##_broadcast_##one_half, tinynn_##op##_broadcast_##variant, NULL};     \
  const struct tinyi_add tinyi_##op##_##variant = {tinynn_##op##_ref, tinynn_##op##_##one_half,                    \
                                                   tinynn_##op##_##variant, NULL};                                 \
  const struct tinyi_add tinyi_##op##_general_##variant = {tinynn_##op##_ref, tinynn_##op##_##one_half,                \
                                                       tinynn_##op##_##variant, &op##_broadcast_##variant};
#define ADD_AND_SUB(variant, one_half) KERNELS(add, variant, one_half) KERNELS(sub, variant, one_half)

ADD_AND_SUB(ref, ref)
ADD_AND_SUB(c, c)
#if defined(__ARM_FEATURE_DSP)
ADD_AND_SUB(dsp, c)
#endif
#if defined(__ARM_FEATURE_MVE)
ADD_AND_SUB(mve, mve)
#endif
#if defined(__riscv_vector)
ADD_AND_SUB(rvv, rvv)
#endif
