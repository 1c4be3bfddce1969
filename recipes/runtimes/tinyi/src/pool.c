/* AVERAGE_POOL_2D and MAX_POOL_2D. */
#include "tinyi/operators.h"
#include "tinyi/window.h"

/* Fields of the schema's Pool2DOptions. */
enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2, FILTER_WIDTH = 3, FILTER_HEIGHT = 4, ACTIVATION = 5 };

static void read(struct tinyi_context *context, struct tinyi_tensor *input, struct tinyi_tensor *output,
                 struct tinynn_pool *p) {
  struct tinyi_file *file = &context->file;
  tinyi_read_activation(context, &context->inputs, 0, input);
  tinyi_read_activation(context, &context->outputs, 0, output);
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
  tinyi_clamp(context, tinyi_byte(file, &context->options, ACTIVATION), output, &p->lowest, &p->highest);
}

typedef void definition(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output);

static void pool(struct tinyi_context *context, definition *define) {
  struct tinyi_tensor input, output;
  struct tinynn_pool p;
  const struct tinyi_pool *kernel = context->kernel;
  read(context, &input, &output, &p);
  if (context->file.status != TINYI_OK) {
    return;
  }
  while (kernel != NULL && kernel->supports_shape != NULL && !kernel->supports_shape(&p)) {
    kernel = kernel->fallback;
  }
  if (context->lifetimes != NULL) {
    /* no more of a window is read than the input has */
    const int32_t rows = p.kernel_height < p.input_height ? p.kernel_height : p.input_height;
    const int32_t columns = p.kernel_width < p.input_width ? p.kernel_width : p.input_width;
    tinyi_note_work(context, output.elements, rows * columns);
    context->scratch_least = kernel == NULL || kernel->scratch_bytes == NULL ? 0 : kernel->scratch_bytes(&p);
    context->scratch_most = context->scratch_least;
  } else if (kernel == NULL) {
    define(&p, input.data, output.data);
  } else {
    kernel->compute(&p, input.data, output.data, context->scratch);
  }
}

void tinyi_average_pool(struct tinyi_context *context) { pool(context, tinynn_average_pool_ref); }

void tinyi_max_pool(struct tinyi_context *context) { pool(context, tinynn_max_pool_ref); }

/* Kernels without scratch in the form of those with it. */
#define WITHOUT_SCRATCH(name, kernel)                                                                               \
  static void name(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output,      \
                   void *restrict scratch) {                                                                         \
    (void)scratch;                                                                                                   \
    kernel(p, input, output);                                                                                        \
  }

static int32_t has_four_channels(const struct tinynn_pool *p) { return p->channels >= 4; }

/* Sums of 32 bits. */
static uint32_t wide_sums(const struct tinynn_pool *p) { return 4 * (uint32_t)p->channels; }

const struct tinyi_pool tinyi_average_pool_c = {.compute = tinynn_average_pool_c, .scratch_bytes = wide_sums};
WITHOUT_SCRATCH(max_pool_c, tinynn_max_pool_c)
const struct tinyi_pool tinyi_max_pool_c = {.compute = max_pool_c, .supports_shape = has_four_channels};

#if defined(__ARM_FEATURE_DSP)
static int32_t is_narrow_of_four(const struct tinynn_pool *p) { return has_four_channels(p) && tinyi_is_narrow(p); }

WITHOUT_SCRATCH(average_pool_dsp, tinynn_average_pool_dsp)
const struct tinyi_pool tinyi_average_pool_dsp = {
    .compute = average_pool_dsp, .supports_shape = is_narrow_of_four, .fallback = &tinyi_average_pool_c};
WITHOUT_SCRATCH(max_pool_dsp, tinynn_max_pool_dsp)
const struct tinyi_pool tinyi_max_pool_dsp = {.compute = max_pool_dsp};
#endif

#if defined(__ARM_FEATURE_MVE)
/* Sums of 16 bits, in eights. */
static uint32_t narrow_sums(const struct tinynn_pool *p) { return 2 * (((uint32_t)p->channels + 7) & ~UINT32_C(7)); }

const struct tinyi_pool tinyi_average_pool_mve = {.compute = tinynn_average_pool_mve,
                                                  .supports_shape = tinyi_is_narrow,
                                                  .scratch_bytes = narrow_sums,
                                                  .fallback = &tinyi_average_pool_c};
#endif

#if defined(__riscv_vector)
const struct tinyi_pool tinyi_average_pool_rvv = {
    .compute = tinynn_average_pool_rvv, .supports_shape = tinyi_is_narrow, .fallback = &tinyi_average_pool_c};
#endif
