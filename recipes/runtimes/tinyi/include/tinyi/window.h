/* Windows that slide over an input. */
#ifndef TINYI_WINDOW_H
#define TINYI_WINDOW_H

#include "tinyi/context.h"

/* One axis of a window that slides over the input. */
struct tinyi_axis {
  int32_t input, output, kernel, stride, dilation;
  int32_t pad; /* before the first element; follows from the others */
};

/* Check that the output is as long as the window makes it, and find the padding. `padding`: 0 SAME, 1 VALID. */
void tinyi_check_window(struct tinyi_context *context, struct tinyi_axis *axis, int32_t padding);

/* Bytes that the output of a kernel that goes from pixel to pixel of one image begins before the input, at least: see
 * lead_bytes of tinyflow/model/memory/windows.py. It reads `at_once` pixels of `read` bytes, then writes theirs of
 * `written`. */
int32_t tinyi_lead(const struct tinyi_axis *y, const struct tinyi_axis *x, int32_t read, int32_t written,
                   int32_t at_once);

/* Set-up: the output of such a kernel may lie over input 0. */
void tinyi_note_walk(struct tinyi_context *context, const struct tinyi_axis *y, const struct tinyi_axis *x,
                     int32_t read, int32_t written, int32_t at_once);

/* Of both axes. */
struct tinyi_window {
  struct tinyi_axis y, x;
};

/* The same of an operator's options: Conv2DOptions of the schema, or others that begin alike. `given`, `kernel`, `made`:
 * rows and columns of input, window and output; `dilation`: the field of the columns' one, 0 for none. */
struct tinyi_window tinyi_read_window(struct tinyi_context *context, const int32_t *given, const int32_t *kernel,
                                      const int32_t *made, uint32_t dilation);

/* Fields of the kernels' structs. `input`, `output`: tensors of four axes. */
#define TINYI_SET_SIZES(p, input, output)      \
  do {                                         \
    (p)->batches = (input)->shape[1];          \
    (p)->input_height = (input)->shape[2];     \
    (p)->input_width = (input)->shape[3];      \
    (p)->input_channels = (input)->shape[4];   \
    (p)->output_height = (output)->shape[2];   \
    (p)->output_width = (output)->shape[3];    \
    (p)->output_channels = (output)->shape[4]; \
  } while (0)
/* And back. */
#define TINYI_ROWS(p) \
  {(p)->input_height, (p)->output_height, (p)->kernel_height, (p)->stride_y, 1, (p)->pad_top}
#define TINYI_COLUMNS(p) \
  {(p)->input_width, (p)->output_width, (p)->kernel_width, (p)->stride_x, 1, (p)->pad_left}
#define TINYI_SET_WINDOW(p, window)        \
  do {                                     \
    (p)->kernel_height = (window).y.kernel; \
    (p)->kernel_width = (window).x.kernel;  \
    (p)->stride_y = (window).y.stride;      \
    (p)->stride_x = (window).x.stride;      \
    (p)->pad_top = (window).y.pad;          \
    (p)->pad_left = (window).x.pad;         \
  } while (0)

/* TRANSPOSE_CONV: its tensors, and the window of the convolution whose transpose it is, over the output. Its inputs:
 * shape, weights, input, bias. `type`: of activations, known when this is compiled. */
static inline __attribute__((always_inline)) void tinyi_read_transposed(struct tinyi_context *context, uint32_t type,
                                                                        struct tinyi_tensor *input,
                                                                        struct tinyi_tensor *weights,
                                                                        struct tinyi_tensor *output,
                                                                        struct tinyi_window *window) {
  if (context->lifetimes != NULL) {
    tinyi_plan_input(context, 0); /* the output's shape, which may be computed */
  }
  if (type == TINYI_FLOAT32) {
    tinyi_read_floats(context, &context->inputs, 1, weights);
    tinyi_read_floats(context, &context->inputs, 2, input);
    tinyi_read_floats(context, &context->outputs, 0, output);
  } else {
    tinyi_read_weights(context, 1, weights);
    tinyi_read_form(context, &context->inputs, 2, type, input);
    tinyi_read_form(context, &context->outputs, 0, type, output);
  }
  tinyi_require(context,
                weights->is_constant && input->rank == 4 && weights->rank == 4 && output->rank == 4 &&
                    weights->shape[4] == input->shape[4] && output->shape[4] == weights->shape[1] &&
                    output->shape[1] == input->shape[1],
                TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK) {
    *window = tinyi_read_window(context, &output->shape[2], &weights->shape[2], &input->shape[2], 0);
  }
}

#endif
