/* MUL, MINIMUM, MAXIMUM of tensors of one shape. */
#include "tinyi/operators.h"

/* Field of the schema's MulOptions. */
enum { ACTIVATION = 0 };

static void read(struct tinyi_visit *visit, struct tinyi_tensor *left, struct tinyi_tensor *right,
                 struct tinyi_tensor *output) {
  tinyi_activation(visit, &visit->inputs, 0, left);
  tinyi_activation(visit, &visit->inputs, 1, right);
  tinyi_activation(visit, &visit->outputs, 0, output);
  tinyi_require(visit, left->elements == output->elements && right->elements == output->elements, TINYI_UNSUPPORTED);
  visit->in_place = 3;
}

void tinyi_mul(struct tinyi_visit *visit) {
  struct tinyi_tensor left, right, output;
  struct tinynn_mul p;
  read(visit, &left, &right, &output);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  tinyi_clamp(visit, tinyi_byte(&visit->file, &visit->options, ACTIVATION), &output, &p.lowest, &p.highest);
  if (visit->lives != NULL) {
    return;
  }
  const struct tinyi_factor factor = tinyi_ratio(left.scale, output.scale, right.scale);
  p.elements = output.elements;
  p.left_zero_point = left.zero_point;
  p.right_zero_point = right.zero_point;
  p.output_zero_point = output.zero_point;
  p.output_multiplier = factor.multiplier;
  p.output_multiplier_shift = factor.shift;
  tinynn_mul_ref(&p, left.data, right.data, output.data);
}

typedef void kernel(const struct tinynn_minmax *restrict p, const int8_t *left, const int8_t *right, int8_t *output);

static void minmax(struct tinyi_visit *visit, kernel *compute) {
  struct tinyi_tensor left, right, output;
  read(visit, &left, &right, &output);
  tinyi_require(visit,
                left.scale == output.scale && right.scale == output.scale && left.zero_point == output.zero_point &&
                    right.zero_point == output.zero_point,
                TINYI_UNSUPPORTED);
  if (visit->file.status == TINYI_OK && visit->lives == NULL) {
    const struct tinynn_minmax p = {.elements = output.elements};
    compute(&p, left.data, right.data, output.data);
  }
}

void tinyi_minimum(struct tinyi_visit *visit) { minmax(visit, tinynn_minimum_ref); }

void tinyi_maximum(struct tinyi_visit *visit) { minmax(visit, tinynn_maximum_ref); }
