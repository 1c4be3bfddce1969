/* LEAKY_RELU: the factors are quotients of doubles, as leaky_relu_common.cc of TFLM makes them. */
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/shapes.h"

/* Field of the schema's LeakyReluOptions. */
enum { ALPHA = 0 };

int32_t tinyi_set_slopes(struct tinyi_context *context, const struct tinyi_tensor *input,
                         const struct tinyi_tensor *output, struct tinynn_leaky_relu *p) {
  const uint32_t alpha = (uint32_t)tinyi_int(&context->file, &context->options, ALPHA, 0);
  tinyi_require(context, input->elements == output->elements && tinyi_is_scale(alpha), TINYI_UNSUPPORTED);
  context->in_place = 1;
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  const struct tinyi_factor identity = tinyi_ratio(input->scale, output->scale, TINYI_ONE);
  const struct tinyi_factor below = tinyi_ratio(input->scale, output->scale, alpha);
  tinyi_require(context, identity.shift <= TINYI_LARGEST_SHIFT && below.shift <= TINYI_LARGEST_SHIFT,
                TINYI_UNSUPPORTED);
  const struct tinynn_leaky_relu made = {.elements = output->elements,
                                         .input_zero_point = input->zero_point,
                                         .output_zero_point = output->zero_point,
                                         .identity_multiplier = identity.multiplier,
                                         .identity_shift = identity.shift,
                                         .alpha_multiplier = below.multiplier,
                                         .alpha_shift = below.shift};
  *p = made;
  return context->file.status == TINYI_OK && context->lifetimes == NULL;
}

void tinyi_leaky_relu(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_leaky_relu p;
  tinyi_read_unary(context, &input, &output);
  if (tinyi_set_slopes(context, &input, &output, &p)) {
    tinynn_leaky_relu_ref(&p, input.data, output.data);
  }
}
