/* RESHAPE and its like: the same bytes at another address. */
#include <string.h>

#include "tinynn.h"

void tinynn_copy_ref(const struct tinynn_copy *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  memcpy(output, input, (size_t)p->bytes);
}
