/* SOFTMAX over the last axis: scaling as TFLite prepares it (PreprocessSoftmaxScaling). */
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/shapes.h"

/* Field of the schema's SoftmaxOptions. */
enum { BETA = 0 };
/* The output's quantisation by TFLite's specification: 1/256, -128. */
enum { OUTPUT_SCALE = 0x3b800000, OUTPUT_ZERO_POINT = -128 };
enum { INTEGER_BITS = 5, EXPONENT_UNIT = 1 << 23 };

/* Of beta * scale * 2^(31 - INTEGER_BITS), no more than 2^31 - 1; both as the bits of normal numbers. */
static struct tinyi_factor factor_of(uint32_t beta, uint32_t scale) {
  /* the product is at least 2^(exponents - 254), and below four times that */
  const uint32_t exponents = (beta >> 23) + (scale >> 23);
  const uint64_t mantissas = (uint64_t)((beta & 0x7fffff) | 0x800000) * ((scale & 0x7fffff) | 0x800000);
  if (exponents > 2 * 127 + INTEGER_BITS - 1 || (exponents == 2 * 127 + INTEGER_BITS - 1 && mantissas >> 47 != 0)) {
    const struct tinyi_factor largest = {INT32_MAX, 31};
    return largest;
  }
  return tinyi_ratio(beta, TINYI_ONE, scale + (31 - INTEGER_BITS) * (uint32_t)EXPONENT_UNIT);
}

static inline __attribute__((always_inline)) void softmax(struct tinyi_context *context, int32_t may_widen) {
  struct tinyi_tensor input, output;
  if (may_widen) {
    tinyi_read_activation(context, &context->inputs, 0, &input);
    tinyi_read_any(context, &context->outputs, 0, &output);
  } else {
    tinyi_read_unary(context, &input, &output);
  }
  const int32_t is_wide = may_widen && output.type == TINYI_INT16;
  const uint32_t beta = (uint32_t)tinyi_int(&context->file, &context->options, BETA, TINYI_ONE);
  if (is_wide) {
    const float difference = tinyi_real(output.scale) * 65536 - 1;
    tinyi_require(context, output.zero_point == INT16_MIN && difference <= 1e-3f && difference >= -1e-3f,
                  TINYI_UNSUPPORTED);
  } else {
    tinyi_require(context,
                  output.type == TINYI_INT8 && output.scale == OUTPUT_SCALE && output.zero_point == OUTPUT_ZERO_POINT,
                  TINYI_UNSUPPORTED);
  }
  tinyi_require(context,
                input.elements == output.elements && tinyi_is_positive(beta) && beta >> 23 > 30 &&
                    input.scale >> 23 > 30,
                TINYI_UNSUPPORTED);
  context->in_place = !is_wide;
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return;
  }
  const struct tinyi_factor factor = factor_of(beta, input.scale);
  const int64_t largest = (int64_t)((1 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS);
  const struct tinynn_softmax p = {
      .rows = input.elements / input.shape[4],
      .columns = input.shape[4],
      .multiplier = factor.multiplier,
      .left_shift = factor.shift,
      /* -floor(largest / 2^shift) */
      .least_difference = factor.shift >= 0 ? -(int32_t)(largest >> factor.shift) : INT16_MIN,
  };
  if (is_wide) {
    tinynn_softmax_int8_int16_ref(&p, input.data, tinyi_int16(&output));
  } else {
    tinynn_softmax_ref(&p, input.data, output.data);
  }
}

void tinyi_softmax(struct tinyi_context *context) { softmax(context, 0); }

void tinyi_softmax_any(struct tinyi_context *context) { softmax(context, 1); }
