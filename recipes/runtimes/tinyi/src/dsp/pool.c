/* AVERAGE_POOL_2D and MAX_POOL_2D with the DSP extension. */
#include "tinyi/operators.h"

#if defined(__ARM_FEATURE_DSP)

static int32_t fits(const struct tinynn_pool *p) { return p->channels >= 4 && tinyi_is_narrow(p); }

static void average(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output,
                    void *restrict scratch) {
  (void)scratch;
  tinynn_average_pool_dsp(p, input, output);
}

const struct tinyi_pool tinyi_average_pool_dsp = {
    .compute = average, .fits = fits, .otherwise = &tinyi_average_pool_c};

static void largest(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output,
                    void *restrict scratch) {
  (void)scratch;
  tinynn_max_pool_dsp(p, input, output);
}

const struct tinyi_pool tinyi_max_pool_dsp = {.compute = largest};

#endif
