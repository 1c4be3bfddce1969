/* SOFTMAX, LOGISTIC, TANH, RELU, RELU6 and LEAKY_RELU of int16. */
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/shapes.h"

enum { OUTPUT_SCALE = 0x38000000 /* 2^-15 */ };
/* Fields of the schema's SoftmaxOptions and LeakyReluOptions. */
enum { BETA = 0, ALPHA = 0 };
enum { ACTIVATION_RELU = 1, ACTIVATION_RELU6 = 3 };

/* Input and output of as many elements; whether there is something to compute. */
static int32_t read(struct tinyi_context *context, struct tinyi_tensor *input, struct tinyi_tensor *output) {
  tinyi_read_unary_int16(context, input, output);
  tinyi_require(context, input->elements == output->elements, TINYI_DAMAGED);
  context->in_place = 1;
  return context->file.status == TINYI_OK;
}

/* QuantizeMultiplier of TFLite for a double above 0. */
static struct tinyi_factor factor_of(double real) {
  const union {
    double value;
    uint64_t bits;
  } parts = {real};
  const uint64_t mantissa = (parts.bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
  struct tinyi_factor factor = {(int32_t)((mantissa + (1 << 21)) >> 22), (int32_t)(parts.bits >> 52) - 1022};
  if (mantissa + (1 << 21) >= UINT64_C(1) << 53) {
    factor.multiplier = INT32_C(1) << 30;
    ++factor.shift;
  }
  if (factor.shift < -31) {
    factor.multiplier = 0;
    factor.shift = 0;
  }
  return factor;
}

void tinyi_softmax_int16(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  const uint32_t beta = (uint32_t)tinyi_int(&context->file, &context->options, BETA, TINYI_ONE);
  if (!read(context, &input, &output)) {
    return;
  }
  tinyi_require(context,
                output.scale == OUTPUT_SCALE && tinyi_is_positive(beta) && beta >> 23 > 30 && input.scale >> 23 > 30,
                TINYI_UNSUPPORTED);
  /* differences of 65535 steps are 10 */
  const struct tinyi_factor factor = factor_of((double)tinyi_real(input.scale) * (double)tinyi_real(beta) / (10.0 / 65535.0));
  tinyi_require(context, factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    const struct tinynn_softmax p = {.rows = input.elements / input.shape[4],
                                     .columns = input.shape[4],
                                     .multiplier = factor.multiplier,
                                     .left_shift = factor.shift};
    tinynn_softmax_int16_ref(&p, tinyi_int16(&input), tinyi_int16(&output));
  }
}

typedef void kernel(const struct tinynn_sigmoid_int16 *restrict p, const int16_t *input, int16_t *output);

/* Whether a scale counts as 2^-power: where |log2(scale) + power| < 0.001 in float32, which ends so many steps below
 * and above it. */
static int32_t is_power(uint32_t scale, uint32_t power, uint32_t below, uint32_t above) {
  const uint32_t least = ((127 - power) << 23) - below;
  return scale - least <= below + above;
}

/* Which multiplier brings values to the scale of the table, 2^-12 / 3: logistic_common.cc and tanh.cc of TFLM. */
static void sigmoid(struct tinyi_context *context, int32_t is_tanh, kernel *compute) {
  struct tinyi_tensor input, output;
  if (!read(context, &input, &output)) {
    return;
  }
  struct tinynn_sigmoid_int16 p = {.elements = output.elements, .multiplier = 3, .right_shift = 0};
  if (is_tanh && is_power(input.scale, 11, 11624, 5815)) {
    p.multiplier = 6;
  } else if (!is_power(input.scale, 12, 11620, 5813)) {
    const uint64_t mantissa = 3 * (uint64_t)((input.scale & 0x7fffff) | 0x800000);
    int32_t places = 150 - 12 - (int32_t)(input.scale >> 23); /* of the mantissa, behind the point */
    tinyi_require(context, input.scale >> 23 != 0 && places >= 10 && (places > 40 || mantissa <= UINT64_C(32767) << places),
                  TINYI_UNSUPPORTED);
    if (context->file.status != TINYI_OK) {
      return;
    }
    while (p.right_shift <= 30 && (places > 40 || mantissa <= UINT64_C(32767) << (places - 1))) {
      --places;
      ++p.right_shift;
    }
    p.multiplier = places > 31 ? 0 : (int32_t)(mantissa >> places);
  }
  tinyi_require(context, output.scale == OUTPUT_SCALE, TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    compute(&p, tinyi_int16(&input), tinyi_int16(&output));
  }
}

void tinyi_logistic_int16(struct tinyi_context *context) { sigmoid(context, 0, tinynn_logistic_int16_ref); }

void tinyi_tanh_int16(struct tinyi_context *context) { sigmoid(context, 1, tinynn_tanh_int16_ref); }

static void relu(struct tinyi_context *context, int32_t activation) {
  struct tinyi_tensor input, output;
  struct tinynn_requantise p;
  if (!read(context, &input, &output)) {
    return;
  }
  /* RELU6 of TFLM only clamps: its output counts as quantised as its input */
  const struct tinyi_tensor *made = activation == ACTIVATION_RELU6 ? &input : &output;
  tinyi_clamp_int16(context, activation, made, &p.lowest, &p.highest);
  const struct tinyi_factor factor = tinyi_ratio(input.scale, made->scale, TINYI_ONE);
  tinyi_require(context, factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    p.elements = output.elements;
    p.input_zero_point = 0;
    p.output_zero_point = 0;
    p.multiplier = factor.multiplier;
    p.shift = factor.shift;
    tinynn_requantise_int16_int16_ref(&p, tinyi_int16(&input), tinyi_int16(&output));
  }
}

void tinyi_relu_int16(struct tinyi_context *context) { relu(context, ACTIVATION_RELU); }

void tinyi_relu6_int16(struct tinyi_context *context) { relu(context, ACTIVATION_RELU6); }

void tinyi_leaky_relu_int16(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_leaky_relu p;
  if (read(context, &input, &output) && tinyi_set_slopes(context, &input, &output, &p)) {
    tinynn_leaky_relu_int16_ref(&p, tinyi_int16(&input), tinyi_int16(&output));
  }
}
