/* Tensors of the file, checked: types, shapes, quantisation, constants that are as long as their shapes say. */
#include "tinyi/context.h"

/* Fields of TFLite's schema (schema.fbs): Tensor, QuantizationParameters, Buffer. */
enum { TENSOR_SHAPE = 0, TENSOR_TYPE = 1, TENSOR_BUFFER = 2, TENSOR_QUANTIZATION = 4 };
enum { QUANTIZATION_SCALE = 2, QUANTIZATION_ZERO_POINT = 3 };
enum { BUFFER_DATA = 0 };

/* Of a tensor: their bytes fit 31 bits. */
enum { MAX_ELEMENTS = 1 << 27 };

int32_t tinyi_index(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position) {
  if (position >= vector->count) {
    return -1;
  }
  const int32_t index = (int32_t)tinyi_word(&context->file, vector->at + 4 * position);
  if (index < -1 || (index >= 0 && (uint32_t)index >= context->model->tensors.count)) {
    tinyi_fail(&context->file, TINYI_DAMAGED);
    return -1;
  }
  return index;
}

/* What these return: 0, or the enum tinyi_status that ends the reading of a tensor. */

/* `restrict`: writing to the tensor doesn't change the file's fields, which therefore stay in registers. */
static inline int32_t read_shape(const struct tinyi_file *file, const struct tinyi_table *table,
                                 struct tinyi_tensor *restrict tensor) {
  struct tinyi_vector shape;
  if (!tinyi_try_vector(file, table, TENSOR_SHAPE, 2, &shape)) {
    return TINYI_DAMAGED;
  }
  if (TINYI_UNLIKELY(shape.count > TINYNN_RANK)) {
    return TINYI_UNSUPPORTED;
  }
  tensor->rank = (uint8_t)shape.count;
  int32_t *size = tensor->shape + TINYNN_RANK - shape.count;
  uint32_t elements = 1;
  for (uint32_t i = 0; i < shape.count; ++i) {
    const uint32_t dimension = tinyi_word(file, shape.at + 4 * i);
    /* at most 2^16 times less than 2^15 */
    if (TINYI_UNLIKELY(dimension - 1 >= TINYI_MAX_SIZE || (elements *= dimension) >= MAX_ELEMENTS)) {
      return TINYI_UNSUPPORTED;
    }
    *size++ = (int32_t)dimension;
  }
  tensor->elements = (int32_t)elements;
  return 0;
}

/* `least`: of the zero points, of which there are `count`. */
static inline __attribute__((always_inline)) int32_t read_quantisation(const struct tinyi_file *file,
                                                                       const struct tinyi_table *table, int32_t least,
                                                                       uint32_t count,
                                                                       struct tinyi_tensor *restrict tensor) {
  struct tinyi_table scheme;
  struct tinyi_vector scales, zero_points;
  if (!tinyi_try_child(file, table, TENSOR_QUANTIZATION, &scheme) ||
      !tinyi_try_vector(file, &scheme, QUANTIZATION_SCALE, 2, &scales) ||
      !tinyi_try_vector(file, &scheme, QUANTIZATION_ZERO_POINT, 3, &zero_points)) {
    return TINYI_DAMAGED;
  }
  tensor->scale_count = (int32_t)scales.count;
  if (TINYI_UNLIKELY(scales.count == 0)) {
    return TINYI_UNSUPPORTED;
  }
  tensor->scales = (const uint32_t *)(const void *)(file->data + scales.at);
  tensor->scale = tensor->scales[0];
  if (zero_points.count != 0) {
    const int32_t zero_point = (int32_t)tinyi_word(file, zero_points.at);
    tensor->zero_point = (int16_t)zero_point;
    return TINYI_UNLIKELY((uint32_t)zero_point - (uint32_t)least >= count) ? TINYI_UNSUPPORTED : 0;
  }
  return 0;
}

/* The bytes of an element; 0 of types that nothing here computes with. */
static inline uint32_t size_of(uint32_t type) {
  static const uint8_t sizes[] = {
      [TINYI_FLOAT32] = 4, [TINYI_INT32] = 4, [TINYI_UINT8] = 1,  [TINYI_INT64] = 8,  [TINYI_BOOL] = 1,
      [TINYI_INT16] = 2,   [TINYI_INT8] = 1,  [TINYI_UINT64] = 8, [TINYI_UINT32] = 4,
  };
  return type < sizeof sizes ? sizes[type] : 0;
}

/* The type, a byte. */
static inline int32_t read_type(const struct tinyi_file *file, const struct tinyi_table *table, uint32_t *type) {
  uint32_t at;
  if (!tinyi_try_field(file, table, TENSOR_TYPE, 1, &at)) {
    return TINYI_DAMAGED;
  }
  *type = at == 0 ? 0 : file->data[at];
  return 0;
}

uint32_t tinyi_type(struct tinyi_context *context, uint32_t position) {
  const struct tinyi_vector *inputs = &context->inputs;
  const uint32_t index = position < inputs->count ? tinyi_word(&context->file, inputs->at + 4 * position) : UINT32_MAX;
  struct tinyi_table table;
  uint32_t type = 0;
  if (!tinyi_try_element(&context->file, &context->model->tensors, index, &table) ||
      read_type(&context->file, &table, &type) != 0) {
    tinyi_fail(&context->file, TINYI_DAMAGED);
  }
  return type;
}

/* The bytes of a constant; NULL for an activation. */
static inline __attribute__((always_inline)) int32_t read_constant(const struct tinyi_context *context,
                                                                   const struct tinyi_table *table, uint32_t bytes,
                                                                   const uint8_t **data) {
  const struct tinyi_file *file = &context->file;
  struct tinyi_table buffer;
  struct tinyi_vector content;
  uint32_t at;
  *data = NULL;
  if (!tinyi_try_field(file, table, TENSOR_BUFFER, 4, &at)) {
    return TINYI_DAMAGED;
  }
  const uint32_t number = at == 0 ? 0 : tinyi_word(file, at);
  if (number == 0) {
    return 0; /* by convention the empty one */
  }
  if (!tinyi_try_element(file, &context->model->buffers, number, &buffer) ||
      !tinyi_try_vector(file, &buffer, BUFFER_DATA, 0, &content)) {
    return TINYI_DAMAGED;
  }
  if (content.count != 0) {
    *data = file->data + content.at;
    return TINYI_UNLIKELY(content.count < bytes) ? TINYI_DAMAGED : 0;
  }
  return 0;
}

/* What is wanted of a tensor, in the bits above its position's 16: so four arguments are enough, and are passed on as
 * they are. */
enum { TYPE = 1 << 16, ONE_SCALE = 1 << 24, IS_WEIGHTS = 1 << 25, POSITION = TYPE - 1, ANY_TYPE = 0xff };

/* Size and quantisation of another type than int8, or of any. */
static __attribute__((noinline)) int32_t read_other(const struct tinyi_file *file, const struct tinyi_table *table,
                                                    uint32_t type, int32_t may_have_none,
                                                    struct tinyi_tensor *tensor) {
  tensor->type = (uint8_t)type;
  tensor->element_bytes = (uint8_t)size_of(type);
  if (tensor->element_bytes == 0) {
    return TINYI_UNSUPPORTED;
  }
  if (type == TINYI_FLOAT32) {
    return 0;
  }
  const int32_t least = type == TINYI_UINT8 ? 0 : type == TINYI_INT16 ? INT16_MIN : INT8_MIN;
  const int32_t status = read_quantisation(file, table, least, type == TINYI_INT16 ? 1 << 16 : 1 << 8, tensor);
  if (tensor->scale_count == 0 && may_have_none) {
    return status == TINYI_DAMAGED ? status : 0;
  }
  const int32_t has_one = tensor->scale_count == 1 && tinyi_is_positive(tensor->scale);
  return status != 0 || has_one ? status : TINYI_UNSUPPORTED;
}

/* Where a tensor's bytes are: those of a constant, or in the arena; in set-up it is noted. */
static inline __attribute__((always_inline)) int32_t find_data(struct tinyi_context *context,
                                                               const struct tinyi_vector *vector, uint32_t index,
                                                               uint32_t bytes, const uint8_t *data,
                                                               struct tinyi_tensor *restrict tensor) {
  if (data != NULL) {
    tensor->is_constant = 1;
    tensor->data = (int8_t *)(uintptr_t)data;
    if (TINYI_UNLIKELY(vector == &context->outputs)) {
      return TINYI_DAMAGED;
    }
  } else if (context->lifetimes == NULL) {
    const uint32_t place = context->model->places[index];
    if (TINYI_UNLIKELY(place >= TINYI_CONSTANT)) {
      return TINYI_DAMAGED;
    }
    tensor->data = (int8_t *)context->model->config->arena + place * context->model->config->unit;
  } else if (context->file.status != TINYI_OK) {
    return 0;
  } else if (vector == &context->outputs) {
    tinyi_note_written(context, index, bytes);
  } else {
    tinyi_note_read(context, index);
  }
  return 0;
}

/* Type and shape, quantisation of int8; the data where it is known already. `kind`: int8 or int4, 0 for what is wanted. */
static inline __attribute__((always_inline)) int32_t read_parts(struct tinyi_context *context,
                                                                const struct tinyi_vector *vector, uint32_t wanted,
                                                                uint32_t kind, struct tinyi_tensor *restrict tensor) {
  const struct tinyi_file *file = &context->file;
  const uint32_t position = wanted & POSITION, type = kind != 0 ? kind : wanted / TYPE & 0xff;
  const uint32_t index = position < vector->count ? tinyi_word(file, vector->at + 4 * position) : UINT32_MAX;
  struct tinyi_table table;
  uint32_t found;
  const uint8_t *data;
  if (!tinyi_try_element(file, &context->model->tensors, index, &table)) {
    return TINYI_DAMAGED;
  }
  int32_t status = read_shape(file, &table, tensor);
  if (TINYI_UNLIKELY(status != 0)) {
    return status;
  }
  status = read_type(file, &table, &found);
  if (TINYI_UNLIKELY(status != 0 || (found != type && type != ANY_TYPE))) {
    return status != 0 ? status : TINYI_UNSUPPORTED;
  }
  uint32_t bytes = (uint32_t)tensor->elements;
  if (kind == TINYI_INT4) {
    bytes = (bytes + 1) / 2;
  }
  if (type == TINYI_INT8 || kind == TINYI_INT4) {
    status = read_quantisation(file, &table, INT8_MIN, 1 << 8, tensor);
    if (TINYI_UNLIKELY(status != 0)) {
      return status;
    }
    if ((wanted & ONE_SCALE) != 0 && TINYI_UNLIKELY(tensor->scale_count != 1 || !tinyi_is_positive(tensor->scale))) {
      return TINYI_UNSUPPORTED;
    }
  } else {
    status = read_other(file, &table, found, type == ANY_TYPE, tensor);
    if (TINYI_UNLIKELY(status != 0)) {
      return status;
    }
    bytes *= tensor->element_bytes;
  }
  status = read_constant(context, &table, bytes, &data);
  if (TINYI_UNLIKELY(status != 0)) {
    return status;
  }
  status = find_data(context, vector, index, bytes, data, tensor);
  if (TINYI_UNLIKELY(status != 0)) {
    return status;
  }
  if ((wanted & IS_WEIGHTS) != 0 && TINYI_UNLIKELY(!tensor->is_constant || tensor->zero_point != 0)) {
    return TINYI_UNSUPPORTED;
  }
  return 0;
}

static inline __attribute__((always_inline)) void read(struct tinyi_context *context,
                                                       const struct tinyi_vector *vector, uint32_t wanted,
                                                       uint32_t kind, struct tinyi_tensor *tensor) {
  const struct tinyi_tensor nothing = {.type = TINYI_INT8, .element_bytes = 1, .shape = {1, 1, 1, 1, 1}, .elements = 1};
  *tensor = nothing;
  const int32_t status = read_parts(context, vector, wanted, kind, tensor);
  if (TINYI_UNLIKELY(status != 0)) {
    tinyi_fail(&context->file, status);
  }
}

/* int8, which most networks have alone: the other function is linked where it is called. */
static __attribute__((noinline)) void read_int8(struct tinyi_context *context, const struct tinyi_vector *vector,
                                                uint32_t wanted, struct tinyi_tensor *tensor) {
  read(context, vector, wanted, TINYI_INT8, tensor);
}

static __attribute__((noinline)) void read_tensor(struct tinyi_context *context, const struct tinyi_vector *vector,
                                                  uint32_t wanted, struct tinyi_tensor *tensor) {
  read(context, vector, wanted, 0, tensor);
}

void tinyi_read_shape(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                      struct tinyi_tensor *tensor) {
  const struct tinyi_tensor nothing = {.shape = {1, 1, 1, 1, 1}, .elements = 1};
  const uint32_t index = (uint32_t)tinyi_index(context, vector, position);
  struct tinyi_table table;
  *tensor = nothing;
  const int32_t status = tinyi_try_element(&context->file, &context->model->tensors, index, &table)
                             ? read_shape(&context->file, &table, tensor)
                             : TINYI_DAMAGED;
  if (status != 0) {
    tinyi_fail(&context->file, status);
  }
}

void tinyi_read_activation(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                           struct tinyi_tensor *tensor) {
  read_int8(context, vector, position | ONE_SCALE, tensor);
}

void tinyi_read_floats(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                       struct tinyi_tensor *tensor) {
  read_tensor(context, vector, position | TINYI_FLOAT32 * TYPE, tensor);
}

void tinyi_read_any(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                    struct tinyi_tensor *tensor) {
  read_tensor(context, vector, position | ANY_TYPE * TYPE | ONE_SCALE, tensor);
}

/* Of `tensor`, all but `shape`. */
static int32_t read_long(struct tinyi_context *context, const struct tinyi_vector *vector, struct tinyi_tensor *tensor,
                         struct tinyi_vector *shape) {
  const struct tinyi_file *file = &context->file;
  const uint32_t index = vector->count != 0 ? tinyi_word(file, vector->at) : UINT32_MAX;
  struct tinyi_table table;
  uint32_t elements = 1, type;
  const uint8_t *data;
  if (!tinyi_try_element(file, &context->model->tensors, index, &table) ||
      !tinyi_try_vector(file, &table, TENSOR_SHAPE, 2, shape) || read_type(file, &table, &type) != 0) {
    return TINYI_DAMAGED;
  }
  for (uint32_t i = 0; i < shape->count; ++i) {
    const uint32_t dimension = tinyi_word(file, shape->at + 4 * i);
    if (i == TINYI_MAX_RANK || dimension - 1 >= TINYI_MAX_SIZE || (elements *= dimension) >= MAX_ELEMENTS) {
      return TINYI_UNSUPPORTED;
    }
  }
  tensor->rank = (uint8_t)shape->count;
  tensor->elements = (int32_t)elements;
  int32_t status = read_other(file, &table, type, 1, tensor);
  const uint32_t bytes = elements * tensor->element_bytes;
  status = status != 0 ? status : read_constant(context, &table, bytes, &data);
  return status != 0 ? status : find_data(context, vector, index, bytes, data, tensor);
}

void tinyi_read_long(struct tinyi_context *context, const struct tinyi_vector *vector, struct tinyi_tensor *tensor,
                     struct tinyi_vector *shape) {
  const struct tinyi_tensor nothing = {.elements = 1};
  *tensor = nothing;
  const int32_t status = read_long(context, vector, tensor, shape);
  if (status != 0) {
    tinyi_fail(&context->file, status);
  }
}

void tinyi_read_quantised(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                          uint32_t type, struct tinyi_tensor *tensor) {
  read_tensor(context, vector, position | type * TYPE | ONE_SCALE, tensor);
}

void tinyi_read_weights(struct tinyi_context *context, uint32_t position, struct tinyi_tensor *tensor) {
  read_int8(context, &context->inputs, position | IS_WEIGHTS, tensor);
}

void tinyi_read_int4_weights(struct tinyi_context *context, uint32_t position, struct tinyi_tensor *tensor) {
  read(context, &context->inputs, position | IS_WEIGHTS, TINYI_INT4, tensor);
}

void tinyi_read_asymmetric_weights(struct tinyi_context *context, uint32_t position, struct tinyi_tensor *tensor) {
  tinyi_read_activation(context, &context->inputs, position, tensor);
  tinyi_require(context, tensor->is_constant, TINYI_UNSUPPORTED);
}

/* How many elements a tensor has. */
static inline int32_t count_elements(const struct tinyi_file *file, const struct tinyi_table *table,
                                     uint32_t *elements) {
  struct tinyi_vector shape;
  *elements = 1;
  if (!tinyi_try_vector(file, table, TENSOR_SHAPE, 2, &shape)) {
    return TINYI_DAMAGED;
  }
  for (uint32_t i = 0; i < shape.count; ++i) {
    const uint32_t dimension = tinyi_word(file, shape.at + 4 * i);
    if (TINYI_UNLIKELY(i == TINYNN_RANK || dimension - 1 >= TINYI_MAX_SIZE ||
                       (*elements *= dimension) >= MAX_ELEMENTS)) {
      return TINYI_UNSUPPORTED;
    }
  }
  return 0;
}

/* The elements of a constant of one type, int32 or int64, and their number. `type` 0: either, which is found. */
static inline __attribute__((always_inline)) int32_t read_numbers(const struct tinyi_context *context, uint32_t index,
                                                                  uint32_t *type, uint32_t *count,
                                                                  const int32_t **integers) {
  const struct tinyi_file *file = &context->file;
  struct tinyi_table table;
  uint32_t found;
  const uint8_t *data;
  if (!tinyi_try_element(file, &context->model->tensors, index, &table)) {
    return TINYI_DAMAGED;
  }
  int32_t status = count_elements(file, &table, count);
  if (TINYI_UNLIKELY(status != 0)) {
    return status;
  }
  status = read_type(file, &table, &found);
  const int32_t is_wide = *type == 0 && found == TINYI_INT64;
  if (TINYI_UNLIKELY(status != 0 || (found != TINYI_INT32 && !is_wide))) {
    return status != 0 ? status : TINYI_UNSUPPORTED;
  }
  *type = found;
  status = read_constant(context, &table, (is_wide ? 8 : 4) * *count, &data);
  *integers = (const int32_t *)(const void *)data;
  return status != 0 || data != NULL ? status : TINYI_UNSUPPORTED;
}

/* The elements of an int32 constant, and their number. */
static int32_t read_integers(const struct tinyi_context *context, uint32_t index, uint32_t *count,
                             const int32_t **integers) {
  uint32_t type = TINYI_INT32;
  return read_numbers(context, index, &type, count, integers);
}

const int32_t *tinyi_read_integers(struct tinyi_context *context, uint32_t position, int32_t count) {
  const int32_t index = tinyi_index(context, &context->inputs, position);
  const int32_t *integers = NULL;
  uint32_t found;
  if (index < 0) {
    return NULL;
  }
  const int32_t status = read_integers(context, (uint32_t)index, &found, &integers);
  if (TINYI_UNLIKELY(status != 0 || found != (uint32_t)count)) {
    tinyi_fail(&context->file, status != 0 ? status : TINYI_UNSUPPORTED);
    return NULL;
  }
  return integers;
}

const int32_t *tinyi_read_bias(struct tinyi_context *context, uint32_t position, int32_t count, uint32_t *type) {
  const int32_t index = tinyi_index(context, &context->inputs, position);
  const int32_t *integers = NULL;
  uint32_t found;
  *type = 0;
  if (index < 0) {
    *type = TINYI_INT64;
    return NULL;
  }
  const int32_t status = read_numbers(context, (uint32_t)index, type, &found, &integers);
  if (TINYI_UNLIKELY(status != 0 || found != (uint32_t)count)) {
    tinyi_fail(&context->file, status != 0 ? status : TINYI_UNSUPPORTED);
  }
  return integers;
}

const int32_t *tinyi_read_list(struct tinyi_context *context, uint32_t position, int32_t *count) {
  const int32_t index = tinyi_index(context, &context->inputs, position);
  const int32_t *integers = NULL;
  uint32_t found = 0;
  const int32_t status = read_integers(context, (uint32_t)index, &found, &integers);
  if (TINYI_UNLIKELY(status != 0)) {
    tinyi_fail(&context->file, status);
    found = 0;
  }
  *count = (int32_t)found;
  return integers;
}

/* The bytes of a tensor of one of these types. */
static inline __attribute__((always_inline)) int32_t read_size(const struct tinyi_context *context, uint32_t index, uint32_t types, uint32_t *bytes) {
  const struct tinyi_file *file = &context->file;
  struct tinyi_table table;
  uint32_t elements, type;
  if (!tinyi_try_element(file, &context->model->tensors, index, &table)) {
    return TINYI_DAMAGED;
  }
  int32_t status = count_elements(file, &table, &elements);
  if (TINYI_UNLIKELY(status != 0)) {
    return status;
  }
  status = read_type(file, &table, &type);
  if (TINYI_UNLIKELY(status != 0)) {
    return status;
  }
  const uint32_t size = size_of(type);
  *bytes = elements * size;
  return TINYI_UNLIKELY(size == 0 || (types >> type & 1) == 0) ? TINYI_UNSUPPORTED : 0;
}

uint32_t tinyi_output_bytes(struct tinyi_context *context, uint32_t position, uint32_t types) {
  uint32_t bytes = 0;
  const int32_t index = tinyi_index(context, &context->outputs, position);
  const int32_t status = read_size(context, (uint32_t)index, types, &bytes);
  if (status != 0) {
    tinyi_fail(&context->file, status);
  }
  return bytes;
}

void tinyi_plan_output(struct tinyi_context *context, uint32_t position, uint32_t types) {
  const struct tinyi_vector *outputs = &context->outputs;
  const uint32_t index =
      position < outputs->count ? tinyi_word(&context->file, outputs->at + 4 * position) : UINT32_MAX;
  uint32_t bytes = 0;
  const int32_t status = read_size(context, index, types, &bytes);
  if (TINYI_UNLIKELY(status != 0)) {
    tinyi_fail(&context->file, status);
    return;
  }
  tinyi_note_written(context, index, bytes);
}
