/* AVERAGE_POOL_2D and MAX_POOL_2D. */
#include "tinyi/operators.h"
#include "tinyi/pool.h"

typedef void definition(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output);

static void pool(struct tinyi_context *context, definition *define) {
  struct tinyi_tensor input, output;
  struct tinynn_pool p;
  const struct tinyi_pool *kernel = context->kernel;
  tinyi_read_pool(context, TINYI_INT8, &input, &output, &p);
  if (context->file.status != TINYI_OK) {
    return;
  }
  while (kernel != NULL && kernel->supports_shape != NULL && !kernel->supports_shape(&p)) {
    kernel = kernel->fallback;
  }
  if (context->lifetimes != NULL) {
    context->scratch_least = kernel == NULL || kernel->scratch_bytes == NULL ? 0 : kernel->scratch_bytes(&p);
    context->scratch_most = context->scratch_least;
    tinyi_note_pool(context, &p, &output, kernel == NULL || !kernel->fills);
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
const struct tinyi_pool tinyi_max_pool_dsp = {.compute = max_pool_dsp, .fills = 1};
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
