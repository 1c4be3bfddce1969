/* One inference: for each call its arguments, as TVM's packed functions take them. */
#include "tvmrt.h"

/* Layouts of the DLPack and TVM FFI binary interfaces. */
typedef struct {
  int32_t device_type;
  int32_t device_id;
} device_t;

typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} type_t;

typedef struct {
  void *data;
  device_t device;
  int32_t dimensions;
  type_t type;
  int64_t *shape;
  int64_t *strides;
  uint64_t byte_offset;
} dl_tensor_t;

typedef struct {
  int32_t type_index;
  uint32_t zero_padding;
  union {
    int64_t integer;
    void *pointer;
  } value;
} any_t;

/* DLDeviceType of a CPU; TVMFFITypeIndex of a pointer to a DLTensor */
enum { CPU = 1, DLTENSOR_POINTER = 7 };

/* Part of tvmrt_run wherever it is compiled, so that this is what calls the functions, and a profile is by layers. */
__attribute__((always_inline)) static inline int run_call(const tvmrt_graph_t *graph, const tvmrt_call_t *call) {
  int64_t shapes[TVMRT_MAX_ARGUMENTS][TVMRT_MAX_DIMENSIONS];
  dl_tensor_t tensors[TVMRT_MAX_ARGUMENTS];
  any_t arguments[TVMRT_MAX_ARGUMENTS];
  for (uint32_t i = 0; i < call->count; ++i) {
    const tvmrt_tensor_t *const tensor = &graph->tensors[call->tensors[i]];
    for (uint32_t j = 0; j < tensor->dimensions; ++j) {
      shapes[i][j] = graph->shapes[tensor->shape + j];
    }
    tensors[i] = (dl_tensor_t){tensor->data, {CPU, 0}, tensor->dimensions, {tensor->code, tensor->bits, 1}, shapes[i], 0,
                               0};
    arguments[i].type_index = DLTENSOR_POINTER;
    arguments[i].zero_padding = 0;
    arguments[i].value.pointer = &tensors[i];
  }
  return call->call(0, arguments, call->count, 0) == 0 ? TVMRT_OK : TVMRT_FAILED;
}

int tvmrt_run(const tvmrt_graph_t *graph) {
  const tvmrt_call_t *call = graph->calls;
  for (uint32_t i = 0; i < graph->call_count; ++i) {
    const int code = run_call(graph, call);
    if (code != TVMRT_OK) {
      return code;
    }
    call = (const tvmrt_call_t *)(const void *)((const uint8_t *)call + TVMRT_CALL_SIZE(call->count));
  }
  return TVMRT_OK;
}
