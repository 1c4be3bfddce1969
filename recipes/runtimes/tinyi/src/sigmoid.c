/* LOGISTIC and TANH, as logistic_common.cc and tanh.cc of TFLM prepare them. */
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/shapes.h"

/* Outputs by TFLite's specification: 1/256 and -128, 1/128 and 0. */
enum { LOGISTIC_SCALE = 0x3b800000, LOGISTIC_ZERO_POINT = -128, TANH_SCALE = 0x3c000000, TANH_ZERO_POINT = 0 };
enum { INTEGER_BITS = 4, EXPONENT_UNIT = 1 << 23 };

typedef void kernel(const struct tinynn_sigmoid *restrict p, const int8_t *input, int8_t *output);

static void sigmoid(struct tinyi_context *context, uint32_t scale, int32_t zero_point, kernel *compute) {
  struct tinyi_tensor input, output;
  tinyi_read_unary(context, &input, &output);
  tinyi_require(context,
                input.elements == output.elements && output.scale == scale && output.zero_point == zero_point &&
                    input.scale >> 23 < 127 + 3 && input.scale >> 23 > 127 - 27,
                TINYI_UNSUPPORTED);
  context->in_place = 1;
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return;
  }
  /* scale * 2^(31 - INTEGER_BITS), by the exponent: at least 1 */
  const struct tinyi_factor factor =
      tinyi_ratio(input.scale + (31 - INTEGER_BITS) * (uint32_t)EXPONENT_UNIT, TINYI_ONE, TINYI_ONE);
  const int64_t largest = (int64_t)((1 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS);
  const struct tinynn_sigmoid p = {.elements = output.elements,
                                   .input_zero_point = input.zero_point,
                                   .input_range_radius = (int32_t)(largest >> factor.shift),
                                   .multiplier = factor.multiplier,
                                   .left_shift = factor.shift};
  compute(&p, input.data, output.data);
}

void tinyi_logistic(struct tinyi_context *context) {
  sigmoid(context, LOGISTIC_SCALE, LOGISTIC_ZERO_POINT, tinynn_logistic_ref);
}

void tinyi_tanh(struct tinyi_context *context) { sigmoid(context, TANH_SCALE, TANH_ZERO_POINT, tinynn_tanh_ref); }
