/* MAX_POOL_2D in portable C. */
#include "tinyi/operators.h"

static int32_t fits(const struct tinynn_pool *p) { return p->channels >= 4; }

static void compute(const struct tinynn_pool *restrict p, const int8_t *restrict input, int8_t *restrict output,
                    void *restrict scratch) {
  (void)scratch;
  tinynn_max_pool_c(p, input, output);
}

const struct tinyi_pool tinyi_max_pool_c = {.compute = compute, .fits = fits};
