/* RELU, RELU6, QUANTIZE from int8 to int8. */
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/shapes.h"

enum { ACTIVATION_NONE = 0, ACTIVATION_RELU = 1, ACTIVATION_RELU6 = 3 };

static void requantise(struct tinyi_context *context, int32_t activation) {
  struct tinyi_tensor input, output;
  struct tinynn_requantise p;
  tinyi_read_unary(context, &input, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  /* RELU6 of TFLM only clamps: its output counts as quantised as its input */
  const struct tinyi_tensor *made = activation == ACTIVATION_RELU6 ? &input : &output;
  tinyi_clamp(context, activation, made, &p.lowest, &p.highest);
  context->in_place = 1;
  const struct tinyi_factor factor = tinyi_ratio(input.scale, made->scale, TINYI_ONE);
  tinyi_require(context, factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return;
  }
  p.elements = output.elements;
  p.input_zero_point = input.zero_point;
  p.output_zero_point = made->zero_point;
  p.multiplier = factor.multiplier;
  p.shift = factor.shift;
  tinynn_requantise_ref(&p, input.data, output.data);
}

void tinyi_relu(struct tinyi_context *context) { requantise(context, ACTIVATION_RELU); }

void tinyi_relu6(struct tinyi_context *context) { requantise(context, ACTIVATION_RELU6); }

void tinyi_requantise(struct tinyi_context *context) { requantise(context, ACTIVATION_NONE); }
