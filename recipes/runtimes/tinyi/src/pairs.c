/* Operators of two inputs: plain numbers and truth values; and int8's comparisons, SQUARED_DIFFERENCE, DIV and PRELU. The
 * kernel beside each in the table is a function of tinynn. Factors are as TFLM prepares them (comparisons.cc,
 * squared_difference.cc, div.cc, prelu_common.cc). */
#include "tinyi/move.h"
#include "tinyi/operators.h"
#include "tinyi/real.h"

typedef void kernel(const void *restrict p, const void *left, const void *right, void *output);

/* Field of the schema's AddOptions, SubOptions, MulOptions and DivOptions; of TFLite's enumeration
 * ActivationFunctionType. */
enum { ACTIVATION = 0 };
enum { ACTIVATION_NONE = 0, ACTIVATION_RELU = 1, ACTIVATION_RELU_N1_TO_1 = 2, ACTIVATION_RELU6 = 3 };
/* 1/2 and 2^-12 as float32; places by which a quotient's factor may shift */
enum { ONE_HALF = 0x3f000000, TWELVE_PLACES = 12 << 23, MOST_OF_A_QUOTIENT = 22 };

/* Both inputs and the output, which is a truth value where they are compared; whether all is sound. */
static int32_t read(struct tinyi_context *context, int32_t is_compared, struct tinyi_tensor *left,
                    struct tinyi_tensor *right, struct tinyi_tensor *output, struct tinynn_broadcast *broadcast) {
  tinyi_read_any(context, &context->inputs, 0, left);
  tinyi_read_any(context, &context->inputs, 1, right);
  tinyi_read_any(context, &context->outputs, 0, output);
  tinyi_require(context, left->type == right->type && output->type == (is_compared ? TINYI_BOOL : left->type),
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  tinyi_broadcast(context, left, right, output, broadcast);
  return context->file.status == TINYI_OK;
}

static void call(struct tinyi_context *context, const void *p, const struct tinyi_tensor *left,
                 const struct tinyi_tensor *right, const struct tinyi_tensor *output) {
  if (tinyi_computes(context)) {
    ((kernel *)(uintptr_t)context->kernel)(p, left->data, right->data, output->data);
  }
}

static void plain(struct tinyi_context *context, int32_t is_compared, int32_t activation) {
  struct tinyi_tensor left, right, output;
  struct tinynn_pairs p = {.lowest = INT32_MIN, .highest = INT32_MAX};
  tinyi_require(context, activation >= ACTIVATION_NONE && activation <= ACTIVATION_RELU6, TINYI_UNSUPPORTED);
  if (activation != ACTIVATION_NONE) {
    p.lowest = activation == ACTIVATION_RELU_N1_TO_1 ? -1 : 0;
    p.highest = activation == ACTIVATION_RELU ? INT32_MAX : activation == ACTIVATION_RELU6 ? 6 : 1;
  }
  if (read(context, is_compared, &left, &right, &output, &p.broadcast)) {
    call(context, &p, &left, &right, &output);
  }
}

void tinyi_plain_pairs(struct tinyi_context *context) { plain(context, 0, ACTIVATION_NONE); }

void tinyi_plain_comparison(struct tinyi_context *context) { plain(context, 1, ACTIVATION_NONE); }

void tinyi_plain_arithmetic(struct tinyi_context *context) {
  plain(context, 0, tinyi_byte(&context->file, &context->options, ACTIVATION));
}

/* TFLM adds as if there were no activation. */
void tinyi_plain_add(struct tinyi_context *context) {
  tinyi_require(context, tinyi_byte(&context->file, &context->options, ACTIVATION) == ACTIVATION_NONE,
                TINYI_UNSUPPORTED);
  plain(context, 0, ACTIVATION_NONE);
}

/* int8 */

static int32_t read_int8(struct tinyi_context *context, int32_t is_compared, struct tinyi_tensor *left,
                         struct tinyi_tensor *right, struct tinyi_tensor *output, struct tinynn_broadcast *broadcast) {
  const int32_t is_sound = read(context, is_compared, left, right, output, broadcast);
  tinyi_require(context, left->type == TINYI_INT8, TINYI_UNSUPPORTED);
  return is_sound && context->file.status == TINYI_OK;
}

static void set_sides(struct tinynn_add *p, const struct tinyi_tensor *left, struct tinyi_factor of_left,
                      const struct tinyi_tensor *right, struct tinyi_factor of_right) {
  p->left_zero_point = left->zero_point;
  p->left_multiplier = of_left.multiplier;
  p->left_multiplier_shift = of_left.shift;
  p->right_zero_point = right->zero_point;
  p->right_multiplier = of_right.multiplier;
  p->right_multiplier_shift = of_right.shift;
}

void tinyi_comparison(struct tinyi_context *context) {
  struct tinyi_tensor left, right, output;
  struct tinynn_add p = {.left_shift = 8};
  if (!read_int8(context, 1, &left, &right, &output, &p.broadcast)) {
    return;
  }
  const struct tinyi_factor of_left = tinyi_ratio(TINYI_ONE, TINYI_ONE, left.scale);
  const struct tinyi_factor of_right = tinyi_ratio(TINYI_ONE, TINYI_ONE, right.scale);
  tinyi_require(context, of_left.shift <= 0 && of_right.shift <= 0, TINYI_UNSUPPORTED); /* TFLM ends the program */
  set_sides(&p, &left, of_left, &right, of_right);
  call(context, &p, &left, &right, &output);
}

void tinyi_squared_difference(struct tinyi_context *context) {
  struct tinyi_tensor left, right, output;
  struct tinynn_add p = {.left_shift = 7};
  if (!read_int8(context, 0, &left, &right, &output, &p.broadcast)) {
    return;
  }
  /* the bits of positive float32 numbers are ordered as the numbers are */
  const uint32_t largest = left.scale > right.scale ? left.scale : right.scale;
  tinyi_require(context, largest > TWELVE_PLACES + TINYI_LEAST_NORMAL, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_factor made = tinyi_ratio(largest, output.scale, largest - TWELVE_PLACES);
  tinyi_require(context, made.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  set_sides(&p, &left, tinyi_ratio(left.scale, largest, ONE_HALF), &right, tinyi_ratio(right.scale, largest, ONE_HALF));
  p.output_zero_point = output.zero_point;
  p.output_multiplier = made.multiplier;
  p.output_multiplier_shift = made.shift;
  call(context, &p, &left, &right, &output);
}

/* left / (right * made), of the bits of normal float32 numbers: bit by bit, to the nearest. */
static struct tinyi_factor quotient(uint32_t left, uint32_t right, uint32_t made) {
  const uint64_t divisor = (uint64_t)((right & 0x7fffff) | 0x800000) * ((made & 0x7fffff) | 0x800000);
  uint64_t rest = (uint64_t)((left & 0x7fffff) | 0x800000) << 23; /* rest / divisor in (1/4, 2) */
  int32_t shift = (int32_t)(left >> 23) - (int32_t)(right >> 23) - (int32_t)(made >> 23) + 127 + 1;
  while (rest < divisor) {
    rest <<= 1;
    --shift;
  }
  uint32_t bits = 0;
  for (int32_t i = 0; i < 31; ++i) {
    const uint32_t bit = rest >= divisor;
    rest -= bit ? divisor : 0;
    rest <<= 1;
    bits = bits << 1 | bit;
  }
  bits += rest >= divisor; /* half of the last bit and more */
  const struct tinyi_factor whole = {(int32_t)bits, shift}, next = {1 << 30, shift + 1};
  return bits >> 31 == 0 ? whole : next;
}

void tinyi_div(struct tinyi_context *context) {
  struct tinyi_tensor left, right, output;
  struct tinynn_mul p;
  if (!read_int8(context, 0, &left, &right, &output, &p.broadcast)) {
    return;
  }
  tinyi_clamp(context, tinyi_byte(&context->file, &context->options, ACTIVATION), &output, &p.lowest, &p.highest);
  tinyi_require(context,
                left.scale >= TINYI_LEAST_NORMAL && right.scale >= TINYI_LEAST_NORMAL &&
                    output.scale >= TINYI_LEAST_NORMAL,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_factor factor = quotient(left.scale, right.scale, output.scale);
  tinyi_require(context, factor.shift <= MOST_OF_A_QUOTIENT && factor.shift >= -31, TINYI_UNSUPPORTED);
  p.left_zero_point = left.zero_point;
  p.right_zero_point = right.zero_point;
  p.output_zero_point = output.zero_point;
  p.output_multiplier = factor.multiplier;
  p.output_multiplier_shift = factor.shift;
  call(context, &p, &left, &right, &output);
}

void tinyi_prelu(struct tinyi_context *context) {
  struct tinyi_tensor input, alpha, output;
  struct tinynn_prelu p;
  if (!read_int8(context, 0, &input, &alpha, &output, &p.broadcast)) {
    return;
  }
  const struct tinyi_factor identity = tinyi_ratio(input.scale, output.scale, TINYI_ONE);
  const struct tinyi_factor below = tinyi_ratio(input.scale, output.scale, alpha.scale);
  tinyi_require(context, identity.shift <= TINYI_LARGEST_SHIFT && below.shift <= TINYI_LARGEST_SHIFT,
                TINYI_UNSUPPORTED);
  p.input_zero_point = input.zero_point;
  p.alpha_zero_point = alpha.zero_point;
  p.output_zero_point = output.zero_point;
  p.identity_multiplier = identity.multiplier;
  p.identity_shift = identity.shift;
  p.alpha_multiplier = below.multiplier;
  p.alpha_shift = below.shift;
  call(context, &p, &input, &alpha, &output);
}
