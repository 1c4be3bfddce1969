/* AVERAGE_POOL_2D and MAX_POOL_2D. */
#include "tinyi/operators.h"

/* Fields of the schema's Pool2DOptions. */
enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2, FILTER_WIDTH = 3, FILTER_HEIGHT = 4, ACTIVATION = 5 };

static void read(struct tinyi_visit *visit, struct tinyi_tensor *input, struct tinyi_tensor *output,
                 struct tinynn_pool *p) {
  struct tinyi_file *file = &visit->file;
  tinyi_activation(visit, &visit->inputs, 0, input);
  tinyi_activation(visit, &visit->outputs, 0, output);
  tinyi_require(visit,
                input->rank == 4 && output->rank == 4 && input->scale == output->scale &&
                    input->zero_point == output->zero_point && input->shape[1] == output->shape[1] &&
                    input->shape[4] == output->shape[4],
                TINYI_UNSUPPORTED);
  if (file->status != TINYI_OK) {
    return;
  }
  const int32_t padding = tinyi_byte(file, &visit->options, PADDING);
  struct tinyi_axis y = {input->shape[2], output->shape[2], tinyi_int(file, &visit->options, FILTER_HEIGHT, 0),
                         tinyi_int(file, &visit->options, STRIDE_H, 0), 1, 0};
  struct tinyi_axis x = {input->shape[3], output->shape[3], tinyi_int(file, &visit->options, FILTER_WIDTH, 0),
                         tinyi_int(file, &visit->options, STRIDE_W, 0), 1, 0};
  tinyi_slide(visit, &y, padding);
  tinyi_slide(visit, &x, padding);
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
  tinyi_clamp(visit, tinyi_byte(file, &visit->options, ACTIVATION), output, &p->lowest, &p->highest);
}

typedef void definition(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output);

static void pool(struct tinyi_visit *visit, definition *define) {
  struct tinyi_tensor input, output;
  struct tinynn_pool p;
  const struct tinyi_pool *kernel = visit->kernel;
  read(visit, &input, &output, &p);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  while (kernel != NULL && kernel->fits != NULL && !kernel->fits(&p)) {
    kernel = kernel->otherwise;
  }
  if (visit->lives != NULL) {
    /* no more of a window than there is of the input is looked at */
    const int32_t rows = p.kernel_height < p.input_height ? p.kernel_height : p.input_height;
    const int32_t columns = p.kernel_width < p.input_width ? p.kernel_width : p.input_width;
    tinyi_note_work(visit, output.elements, rows * columns);
    visit->scratch_least = kernel == NULL || kernel->scratch_bytes == NULL ? 0 : kernel->scratch_bytes(&p);
    visit->scratch_most = visit->scratch_least;
  } else if (kernel == NULL) {
    define(&p, input.data, output.data);
  } else {
    kernel->compute(&p, input.data, output.data, visit->scratch);
  }
}

void tinyi_average_pool(struct tinyi_visit *visit) { pool(visit, tinynn_average_pool_ref); }

void tinyi_max_pool(struct tinyi_visit *visit) { pool(visit, tinynn_max_pool_ref); }
