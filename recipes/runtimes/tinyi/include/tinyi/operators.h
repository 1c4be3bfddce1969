/* All operators, for the table of those that a model uses. The kernel beside a `visit` is one of the structs below, or
 * NULL where there is no choice. */
#ifndef TINYI_OPERATORS_H
#define TINYI_OPERATORS_H

#include "tinyi/convolution.h"
#include "tinyi/visit.h"

/* FULLY_CONNECTED: rows of the file's weights as they are. */
struct tinyi_fully_connected {
  void (*compute)(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                  void *restrict scratch);
  int32_t widens; /* it takes scratch for inputs of 16 bits */
  int32_t is_right; /* its records are those of tinynn/rescale_right.h */
};
extern const struct tinyi_fully_connected tinyi_fully_connected_ref, tinyi_fully_connected_c,
    tinyi_fully_connected_dsp, tinyi_fully_connected_mve, tinyi_fully_connected_rvv;
void tinyi_fully_connected(struct tinyi_visit *visit);
void tinyi_plan_fully_connected(struct tinyi_visit *visit);

/* ADD and SUB. */
typedef void tinyi_add_kernel(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output);
struct tinyi_add {
  tinyi_add_kernel *any, *one_half, *below_half; /* what the inputs' multipliers must be: see tinyi/src/add.c */
  tinyi_add_kernel *broadcast;                   /* inputs of different shapes, any multipliers */
};
extern const struct tinyi_add tinyi_add_ref, tinyi_add_c, tinyi_add_dsp, tinyi_add_mve, tinyi_add_rvv;
extern const struct tinyi_add tinyi_sub_ref, tinyi_sub_c, tinyi_sub_dsp, tinyi_sub_mve, tinyi_sub_rvv;
void tinyi_add(struct tinyi_visit *visit);

/* AVERAGE_POOL_2D; kernel NULL: the definition. */
struct tinyi_average_pool {
  void (*compute)(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output,
                  void *restrict scratch);
  uint32_t (*scratch_bytes)(const struct tinynn_pool *p);
  int32_t most; /* elements of a window: beyond it the definition computes */
};
/* What sums of 16 bits have room for. */
enum { TINYI_NARROW_WINDOW = 255 };
extern const struct tinyi_average_pool tinyi_average_pool_c, tinyi_average_pool_mve, tinyi_average_pool_rvv;
void tinyi_average_pool(struct tinyi_visit *visit);

void tinyi_max_pool(struct tinyi_visit *visit);
void tinyi_mul(struct tinyi_visit *visit);
void tinyi_reshape(struct tinyi_visit *visit);
void tinyi_softmax(struct tinyi_visit *visit);
void tinyi_relu(struct tinyi_visit *visit);
void tinyi_relu6(struct tinyi_visit *visit);
void tinyi_requantise(struct tinyi_visit *visit); /* from int8 */
void tinyi_quantise(struct tinyi_visit *visit);
void tinyi_dequantise(struct tinyi_visit *visit);
void tinyi_logistic(struct tinyi_visit *visit);
void tinyi_tanh(struct tinyi_visit *visit);
void tinyi_minimum(struct tinyi_visit *visit);
void tinyi_maximum(struct tinyi_visit *visit);
void tinyi_leaky_relu(struct tinyi_visit *visit);
void tinyi_hard_swish(struct tinyi_visit *visit);
void tinyi_mean(struct tinyi_visit *visit);
void tinyi_pad(struct tinyi_visit *visit);
void tinyi_concatenation(struct tinyi_visit *visit);
void tinyi_split(struct tinyi_visit *visit);
void tinyi_transpose(struct tinyi_visit *visit);
void tinyi_slice(struct tinyi_visit *visit);
void tinyi_strided_slice(struct tinyi_visit *visit);
void tinyi_resize_nearest(struct tinyi_visit *visit);

#endif
