/* The part of a pooling window that lies inside the input, along one axis. */
#ifndef TINYNN_WINDOW_H
#define TINYNN_WINDOW_H

#include <stdint.h>

struct tinynn_window {
  int32_t begin, end;
};

static inline struct tinynn_window tinynn_window(int32_t output, int32_t stride, int32_t pad, int32_t kernel,
                                                 int32_t size) {
  const int32_t from = output * stride - pad;
  const int32_t to = from + kernel;
  const struct tinynn_window inside = {from < 0 ? 0 : from, to > size ? size : to};
  return inside;
}

#endif
