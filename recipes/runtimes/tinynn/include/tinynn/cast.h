/* Integers of any type, as CAST reads and writes them. */
#ifndef TINYNN_CAST_H
#define TINYNN_CAST_H

#include "tinynn.h"

/* Of TFLite's enumeration TensorType. */
enum {
  TINYNN_FLOAT32 = 0,
  TINYNN_INT32 = 2,
  TINYNN_UINT8 = 3,
  TINYNN_INT64 = 4,
  TINYNN_BOOL = 6,
  TINYNN_INT16 = 7,
  TINYNN_INT8 = 9,
  TINYNN_UINT32 = 15,
};

static inline int64_t tinynn_read_integer(const void *input, int32_t type, int32_t i) {
  switch (type) {
    case TINYNN_INT32:
      return ((const int32_t *)input)[i];
    case TINYNN_UINT8:
    case TINYNN_BOOL:
      return ((const uint8_t *)input)[i];
    case TINYNN_INT64:
      return ((const tinynn_int64 *)input)[i];
    case TINYNN_INT16:
      return ((const int16_t *)input)[i];
    case TINYNN_UINT32:
      return ((const uint32_t *)input)[i];
    default:
      return ((const int8_t *)input)[i];
  }
}

static inline void tinynn_write_integer(void *output, int32_t type, int32_t i, int64_t value) {
  switch (type) {
    case TINYNN_BOOL:
      ((int8_t *)output)[i] = value != 0;
      break;
    case TINYNN_INT64:
      ((tinynn_int64 *)output)[i] = value;
      break;
    case TINYNN_INT16:
      ((int16_t *)output)[i] = (int16_t)value;
      break;
    case TINYNN_UINT8:
    case TINYNN_INT8:
      ((int8_t *)output)[i] = (int8_t)value;
      break;
    default:
      ((int32_t *)output)[i] = (int32_t)value;
  }
}

#endif
