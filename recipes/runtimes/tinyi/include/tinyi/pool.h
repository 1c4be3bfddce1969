/* AVERAGE_POOL_2D and MAX_POOL_2D as a file has them. */
#ifndef TINYI_POOL_H
#define TINYI_POOL_H

#include "tinyi/window.h"

/* Fields of the schema's Pool2DOptions. */
enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2, FILTER_WIDTH = 3, FILTER_HEIGHT = 4, ACTIVATION = 5 };

/* A function for each file, of one type. */
static void tinyi_read_pool(struct tinyi_context *context, uint32_t type, struct tinyi_tensor *input,
                            struct tinyi_tensor *output, struct tinynn_pool *p) {
  struct tinyi_file *file = &context->file;
  tinyi_read_form(context, &context->inputs, 0, type, input);
  tinyi_read_form(context, &context->outputs, 0, type, output);
  tinyi_require(context,
                input->rank == 4 && output->rank == 4 && input->scale == output->scale &&
                    input->zero_point == output->zero_point && input->shape[1] == output->shape[1] &&
                    input->shape[4] == output->shape[4],
                TINYI_UNSUPPORTED);
  if (file->status != TINYI_OK) {
    return;
  }
  const int32_t padding = tinyi_byte(file, &context->options, PADDING);
  struct tinyi_axis y = {input->shape[2], output->shape[2], tinyi_int(file, &context->options, FILTER_HEIGHT, 0),
                         tinyi_int(file, &context->options, STRIDE_H, 0), 1, 0};
  struct tinyi_axis x = {input->shape[3], output->shape[3], tinyi_int(file, &context->options, FILTER_WIDTH, 0),
                         tinyi_int(file, &context->options, STRIDE_W, 0), 1, 0};
  tinyi_check_window(context, &y, padding);
  tinyi_check_window(context, &x, padding);
  const struct tinynn_pool pool = {.batches = input->shape[1],
                                   .input_height = y.input,
                                   .input_width = x.input,
                                   .channels = input->shape[4],
                                   .output_height = y.output,
                                   .output_width = x.output,
                                   .kernel_height = y.kernel,
                                   .kernel_width = x.kernel,
                                   .stride_y = y.stride,
                                   .stride_x = x.stride,
                                   .pad_top = y.pad,
                                   .pad_left = x.pad};
  *p = pool;
  tinyi_clamp_form(context, type, tinyi_byte(file, &context->options, ACTIVATION), output, &p->lowest, &p->highest);
}

static inline void tinyi_note_pool(struct tinyi_context *context, const struct tinynn_pool *p,
                                   const struct tinyi_tensor *output, uint32_t is_in_order) {
  /* no more of a window is read than the input has */
  const int32_t rows = p->kernel_height < p->input_height ? p->kernel_height : p->input_height;
  const int32_t columns = p->kernel_width < p->input_width ? p->kernel_width : p->input_width;
  tinyi_note_work(context, output->elements, rows * columns);
  if (is_in_order && p->batches == 1) {
    const struct tinyi_axis y = TINYI_ROWS(p), x = TINYI_COLUMNS(p);
    const int32_t pixel_bytes = p->channels * output->element_bytes;
    tinyi_note_walk(context, &y, &x, pixel_bytes, pixel_bytes, 1);
  }
}

#endif
