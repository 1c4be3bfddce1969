/* BATCH_MATMUL, int8; FULLY_CONNECTED whose weights are computed or have a zero point.
 *
 *   out[…, i, j] = clamp(zero_point + rescale(bias[j] + Σ (left[…, i, k] - left_zero_point) *
 *                                                        (right[…, k, j] - right_zero_point)))
 *
 * Bit for bit BatchMatMul and FullyConnected of TFLM (tensorflow/lite/kernels/internal/reference/batch_matmul.h,
 * integer_ops/fully_connected.h).
 */
#include <stddef.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"

static void product(const struct tinynn_matmul *restrict p, const int8_t *restrict left, const int8_t *restrict right,
                    int8_t *restrict output) {
  for (int32_t i = 0; i < p->rows; ++i) {
    for (int32_t j = 0; j < p->columns; ++j) {
      const int8_t *a = left + i * p->left_row, *b = right + j * p->right_column;
      uint32_t sum = p->bias == NULL ? 0 : (uint32_t)p->bias[j]; /* modulo 2^32, as TFLM accumulates */
      for (int32_t k = 0; k < p->depth; ++k) {
        sum += (uint32_t)((*a - p->left_zero_point) * (*b - p->right_zero_point));
        a += p->left_step;
        b += p->right_step;
      }
      const int32_t scaled = tinynn_rescale((int32_t)sum, p->multiplier, p->shift);
      *output++ = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
    }
  }
}

void tinynn_matmul_ref(const struct tinynn_matmul *restrict p, const int8_t *left, const int8_t *right,
                       int8_t *output) {
  const int32_t *ls = p->batches.left_strides, *rs = p->batches.right_strides, *shape = p->batches.shape;
  for (int32_t i = 0; i < shape[2]; ++i) {
    for (int32_t j = 0; j < shape[3]; ++j) {
      for (int32_t k = 0; k < shape[4]; ++k) {
        product(p, left + i * ls[2] + j * ls[3] + k * ls[4], right + i * rs[2] + j * rs[3] + k * rs[4], output);
        output += p->rows * p->columns;
      }
    }
  }
}
