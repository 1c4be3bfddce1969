/* Tensors of the file, checked: types, shapes, quantisation, constants that are as long as their shapes say. */
#include "tinyi/visit.h"

/* Fields of TFLite's schema (schema.fbs): Tensor, QuantizationParameters, Buffer. */
enum { TENSOR_SHAPE = 0, TENSOR_TYPE = 1, TENSOR_BUFFER = 2, TENSOR_QUANTIZATION = 4 };
enum { QUANTIZATION_SCALE = 2, QUANTIZATION_ZERO_POINT = 3 };
enum { BUFFER_DATA = 0 };

/* Of a tensor: their bytes fit 31 bits. */
enum { MAX_ELEMENTS = 1 << 27 };

enum { ACTIVATION_NONE = 0, ACTIVATION_RELU = 1, ACTIVATION_RELU_N1_TO_1 = 2, ACTIVATION_RELU6 = 3 };

int32_t tinyi_index(struct tinyi_visit *visit, const struct tinyi_vector *vector, uint32_t position) {
  if (position >= vector->count) {
    return -1;
  }
  const int32_t index = (int32_t)tinyi_word(&visit->file, vector->at + 4 * position);
  if (index < -1 || (index >= 0 && (uint32_t)index >= visit->model->tensors.count)) {
    tinyi_fail(&visit->file, TINYI_DAMAGED);
    return -1;
  }
  return index;
}

/* `restrict`: what is written there changes nothing of the file, which so stays in registers. */
static inline void read_shape(struct tinyi_visit *visit, const struct tinyi_table *table,
                              struct tinyi_tensor *restrict tensor) {
  const struct tinyi_vector shape = tinyi_vector(&visit->file, table, TENSOR_SHAPE, 2);
  tensor->elements = 1;
  if (shape.count > TINYNN_RANK) {
    tinyi_fail(&visit->file, TINYI_UNSUPPORTED);
    return;
  }
  tensor->rank = (uint8_t)shape.count;
  int32_t *size = tensor->shape;
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    size[i] = 1;
  }
  size += TINYNN_RANK - shape.count;
  uint32_t elements = 1;
  for (uint32_t i = 0; i < shape.count; ++i) {
    const uint32_t dimension = tinyi_word(&visit->file, shape.at + 4 * i);
    *size++ = (int32_t)dimension;
    /* at most 2^16 times less than 2^15 */
    if (dimension - 1 >= TINYI_MAX_SIZE || (elements *= dimension) >= MAX_ELEMENTS) {
      tinyi_fail(&visit->file, TINYI_UNSUPPORTED);
      return;
    }
  }
  tensor->elements = (int32_t)elements;
}

static inline void read_quantisation(struct tinyi_visit *visit, const struct tinyi_table *table,
                                     struct tinyi_tensor *restrict tensor) {
  struct tinyi_file *file = &visit->file;
  const struct tinyi_table scheme = tinyi_child(file, table, TENSOR_QUANTIZATION);
  const struct tinyi_vector scales = tinyi_vector(file, &scheme, QUANTIZATION_SCALE, 2);
  const struct tinyi_vector zero_points = tinyi_vector(file, &scheme, QUANTIZATION_ZERO_POINT, 3);
  tensor->scale_count = (int32_t)scales.count;
  if (scales.count == 0) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
    return;
  }
  tensor->scales = (const uint32_t *)(const void *)(file->data + scales.at);
  tensor->scale = tensor->scales[0];
  if (zero_points.count != 0) {
    const int32_t zero_point = (int32_t)tinyi_word(file, zero_points.at);
    tensor->zero_point = (int8_t)zero_point;
    tinyi_require(visit, tensor->zero_point == zero_point, TINYI_UNSUPPORTED);
  }
}

/* The bytes of a constant; NULL for an activation. */
static inline __attribute__((always_inline)) const uint8_t *constant(struct tinyi_visit *visit, const struct tinyi_table *table, uint32_t bytes) {
  struct tinyi_file *file = &visit->file;
  const uint32_t number = (uint32_t)tinyi_int(file, table, TENSOR_BUFFER, 0);
  if (number == 0) {
    return NULL; /* by convention the empty one */
  }
  const struct tinyi_table buffer = tinyi_element(file, &visit->model->buffers, number);
  const struct tinyi_vector data = tinyi_vector(file, &buffer, BUFFER_DATA, 0);
  if (data.count == 0) {
    return NULL;
  }
  tinyi_require(visit, data.count >= bytes, TINYI_DAMAGED);
  return file->data + data.at;
}

/* What is wanted of a tensor, above 16 bits for its position: so four arguments are enough, and go on as they are. */
enum { TYPE = 1 << 16, ONE_SCALE = 1 << 24, IS_WEIGHTS = 1 << 25, POSITION = TYPE - 1 };

/* Type and shape, quantisation of int8; the bytes, as far as they are there already. */
static __attribute__((noinline)) void read_tensor(struct tinyi_visit *visit, const struct tinyi_vector *vector,
                                                  uint32_t wanted, struct tinyi_tensor *restrict tensor) {
  const int32_t index = tinyi_index(visit, vector, wanted & POSITION), type = (int32_t)(wanted / TYPE & 0xff);
  struct tinyi_file *file = &visit->file;
  tensor->data = NULL;
  tensor->is_constant = 0;
  tensor->zero_point = 0;
  tensor->scale = 0;
  tensor->scale_count = 0;
  if (index < 0) {
    tinyi_fail(file, TINYI_DAMAGED);
    return;
  }
  const struct tinyi_table table = tinyi_element(file, &visit->model->tensors, (uint32_t)index);
  read_shape(visit, &table, tensor);
  tinyi_require(visit, tinyi_byte(file, &table, TENSOR_TYPE) == type, TINYI_UNSUPPORTED);
  const uint32_t bytes = (uint32_t)tensor->elements * (type == TINYI_INT8 ? 1 : 4);
  if (type == TINYI_INT8) {
    read_quantisation(visit, &table, tensor);
    if ((wanted & ONE_SCALE) != 0) {
      tinyi_require(visit, tensor->scale_count == 1 && tinyi_is_positive(tensor->scale), TINYI_UNSUPPORTED);
    }
  }
  const uint8_t *data = constant(visit, &table, bytes);
  if (data != NULL) {
    tensor->is_constant = 1;
    tensor->data = (int8_t *)(uintptr_t)data;
    tinyi_require(visit, vector != &visit->outputs, TINYI_DAMAGED);
  } else if (visit->lives == NULL) {
    const uint32_t place = visit->model->places[index];
    tinyi_require(visit, place < TINYI_CONSTANT, TINYI_DAMAGED);
    tensor->data = (int8_t *)visit->model->arena + place * visit->model->unit;
  } else if (file->status != TINYI_OK) {
    return;
  } else if (vector == &visit->outputs) {
    tinyi_note_written(visit, (uint32_t)index, bytes);
  } else {
    tinyi_note_read(visit, (uint32_t)index);
  }
  if ((wanted & IS_WEIGHTS) != 0) {
    tinyi_require(visit, tensor->is_constant && tensor->zero_point == 0, TINYI_UNSUPPORTED);
  }
}

void tinyi_activation(struct tinyi_visit *visit, const struct tinyi_vector *vector, uint32_t position,
                      struct tinyi_tensor *tensor) {
  read_tensor(visit, vector, position | TINYI_INT8 * TYPE | ONE_SCALE, tensor);
}

void tinyi_reals(struct tinyi_visit *visit, const struct tinyi_vector *vector, uint32_t position,
                 struct tinyi_tensor *tensor) {
  read_tensor(visit, vector, position | TINYI_FLOAT32 * TYPE, tensor);
}

void tinyi_weights(struct tinyi_visit *visit, uint32_t position, struct tinyi_tensor *tensor) {
  read_tensor(visit, &visit->inputs, position | TINYI_INT8 * TYPE | IS_WEIGHTS, tensor);
}

/* How many elements a tensor has. */
static inline uint32_t count_elements(struct tinyi_visit *visit, const struct tinyi_table *table) {
  struct tinyi_file *file = &visit->file;
  const struct tinyi_vector shape = tinyi_vector(file, table, TENSOR_SHAPE, 2);
  uint32_t elements = 1;
  for (uint32_t i = 0; i < shape.count; ++i) {
    const uint32_t dimension = tinyi_word(file, shape.at + 4 * i);
    if (i == TINYNN_RANK || dimension - 1 >= TINYI_MAX_SIZE || (elements *= dimension) >= MAX_ELEMENTS) {
      tinyi_fail(file, TINYI_UNSUPPORTED);
      return 1;
    }
  }
  return elements;
}

/* The elements of an int32 constant, and their number; NULL where there are none. */
static const int32_t *read_integers(struct tinyi_visit *visit, int32_t index, uint32_t *count) {
  struct tinyi_file *file = &visit->file;
  const struct tinyi_table table = tinyi_element(file, &visit->model->tensors, (uint32_t)index);
  *count = count_elements(visit, &table);
  tinyi_require(visit, tinyi_byte(file, &table, TENSOR_TYPE) == TINYI_INT32, TINYI_UNSUPPORTED);
  const uint8_t *data = constant(visit, &table, 4 * *count);
  tinyi_require(visit, data != NULL, TINYI_UNSUPPORTED);
  return (const int32_t *)(const void *)data;
}

const int32_t *tinyi_integers(struct tinyi_visit *visit, uint32_t position, int32_t count) {
  const int32_t index = tinyi_index(visit, &visit->inputs, position);
  if (index < 0) {
    return NULL;
  }
  uint32_t found;
  const int32_t *integers = read_integers(visit, index, &found);
  tinyi_require(visit, found == (uint32_t)count, TINYI_UNSUPPORTED);
  return integers;
}

const int32_t *tinyi_list(struct tinyi_visit *visit, uint32_t position, int32_t *count) {
  uint32_t found;
  const int32_t *integers = read_integers(visit, tinyi_index(visit, &visit->inputs, position), &found);
  *count = (int32_t)found;
  return integers;
}

void tinyi_plan_output(struct tinyi_visit *visit, uint32_t position, uint32_t types) {
  struct tinyi_file *file = &visit->file;
  const struct tinyi_vector *outputs = &visit->outputs;
  const uint32_t index = position < outputs->count ? tinyi_word(file, outputs->at + 4 * position) : UINT32_MAX;
  const struct tinyi_table table = tinyi_element(file, &visit->model->tensors, index);
  const uint32_t elements = count_elements(visit, &table);
  const uint32_t type = (uint32_t)tinyi_byte(file, &table, TENSOR_TYPE);
  if (type > 31 || (types >> type & 1) == 0) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
  }
  if (file->status == TINYI_OK) {
    tinyi_note_written(visit, index, type == TINYI_INT8 ? elements : 4 * elements);
  }
}

/* round(real / scale), halves away from zero, as far as it matters to int8; the quotient is a float32. */
static int32_t quantised(float real, uint32_t bits) {
  union {
    uint32_t bits;
    float value;
  } scale = {bits};
  const float quotient = real / scale.value;
  if (!(quotient < 1024)) {
    return 1024;
  }
  const int32_t whole = (int32_t)quotient;
  return whole + (quotient - (float)whole >= 0.5f);
}

void tinyi_clamp(struct tinyi_visit *visit, int32_t activation, const struct tinyi_tensor *output, int32_t *lowest,
                 int32_t *highest) {
  *lowest = INT8_MIN;
  *highest = INT8_MAX;
  if (activation == ACTIVATION_NONE) {
    return;
  }
  tinyi_require(visit, activation > 0 && activation <= ACTIVATION_RELU6, TINYI_UNSUPPORTED);
  int32_t low = output->zero_point;
  if (activation != ACTIVATION_RELU) {
    const int32_t high = low + quantised(activation == ACTIVATION_RELU6 ? 6 : 1, output->scale);
    *highest = high < *highest ? high : *highest;
  }
  if (activation == ACTIVATION_RELU_N1_TO_1) {
    low -= quantised(1, output->scale);
  }
  *lowest = low > *lowest ? low : *lowest;
}
