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

void tinyi_softmax(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_unary(context, &input, &output);
  const uint32_t beta = (uint32_t)tinyi_int(&context->file, &context->options, BETA, TINYI_ONE);
  tinyi_require(context,
                input.elements == output.elements && output.scale == OUTPUT_SCALE &&
                    output.zero_point == OUTPUT_ZERO_POINT && tinyi_is_positive(beta) && beta >> 23 > 30 &&
                    input.scale >> 23 > 30,
                TINYI_UNSUPPORTED);
  context->in_place = 1;
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
  tinynn_softmax_ref(&p, input.data, output.data);
}
