/* AVERAGE_POOL_2D and MAX_POOL_2D of int16. */
#include "tinyi/operators.h"
#include "tinyi/pool.h"

typedef void definition_int16(const struct tinynn_pool *restrict p, const int16_t *restrict input,
                              int16_t *restrict output);

static void pool_int16(struct tinyi_context *context, definition_int16 *define) {
  struct tinyi_tensor input, output;
  struct tinynn_pool p;
  tinyi_read_pool(context, TINYI_INT16, &input, &output, &p);
  if (context->file.status != TINYI_OK) {
    return;
  }
  if (context->lifetimes != NULL) {
    tinyi_note_pool(context, &p, &output, 1);
  } else {
    define(&p, tinyi_int16(&input), tinyi_int16(&output));
  }
}

void tinyi_average_pool_int16(struct tinyi_context *context) { pool_int16(context, tinynn_average_pool_int16_ref); }

void tinyi_max_pool_int16(struct tinyi_context *context) { pool_int16(context, tinynn_max_pool_int16_ref); }
