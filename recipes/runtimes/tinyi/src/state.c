/* State: where it lies, what it is at first; VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE and CALL_ONCE.
 *
 * A subgraph that CALL_ONCE runs may only assign constants to resource variables. It is run by tinyi_reset, and by no
 * inference.
 */
#include "tinyi/state.h"

#include <string.h>

#include "tinyi/operators.h"

/* Fields of TFLite's schema: Model, SubGraph, Tensor, Buffer, Operator, OperatorCode, VarHandleOptions and
 * CallOnceOptions. */
enum { MODEL_SUBGRAPHS = 2, SUBGRAPH_TENSORS = 0, SUBGRAPH_OPERATORS = 3 };
enum { TENSOR_BUFFER = 2, TENSOR_IS_VARIABLE = 5, BUFFER_DATA = 0 };
enum { OPERATOR_OPCODE_INDEX = 0, OPERATOR_BUILTIN_OPTIONS = 4, CODE_BUILTIN = 3 };
enum { CONTAINER = 0, SHARED_NAME = 1, INIT_SUBGRAPH_INDEX = 0 };

/* Of the enumeration BuiltinOperator; all are above those that the older field of a code holds. */
enum { CALL_ONCE = 129, VAR_HANDLE = 142, READ_VARIABLE = 143, ASSIGN_VARIABLE = 144 };

enum { ANY_TYPE = -1 };

/* An operator of one of the file's graphs. */
struct node {
  int32_t code; /* 0: none that is of interest here */
  struct tinyi_table table;
  struct tinyi_vector inputs, outputs;
};

static struct node node_at(struct tinyi_context *context, const struct tinyi_vector *nodes, uint32_t number) {
  struct tinyi_file *file = &context->file;
  struct node node;
  node.table = tinyi_element(file, nodes, number);
  const uint32_t index = (uint32_t)tinyi_int(file, &node.table, OPERATOR_OPCODE_INDEX, 0);
  const struct tinyi_table code = tinyi_element(file, &context->model->codes, index);
  node.code = tinyi_int(file, &code, CODE_BUILTIN, 0);
  node.inputs = tinyi_vector(file, &node.table, TINYI_OPERATOR_INPUTS, 2);
  node.outputs = tinyi_vector(file, &node.table, TINYI_OPERATOR_OUTPUTS, 2);
  return node;
}

/* An operator of the network itself, as the current one. */
static struct node enter(struct tinyi_context *context, uint32_t number) {
  const struct node node = node_at(context, &context->model->nodes, number);
  context->inputs = node.inputs;
  context->outputs = node.outputs;
  return node;
}

static int32_t has_variable(const struct node *node) {
  return node->code == READ_VARIABLE || node->code == ASSIGN_VARIABLE;
}

/* The number at a place of a vector; UINT32_MAX where there is none. */
static uint32_t number_at(const struct tinyi_file *file, const struct tinyi_vector *vector, uint32_t position) {
  return position < vector->count ? tinyi_word(file, vector->at + 4 * position) : UINT32_MAX;
}

/* Container and name of a resource variable. */
struct name {
  struct tinyi_vector parts[2];
};

static struct name name_of(struct tinyi_file *file, const struct node *node) {
  const struct tinyi_table options = tinyi_child(file, &node->table, OPERATOR_BUILTIN_OPTIONS);
  const struct name name = {
      {tinyi_vector(file, &options, CONTAINER, 0), tinyi_vector(file, &options, SHARED_NAME, 0)}};
  return name;
}

static int32_t is_same(const struct tinyi_file *file, const struct name *a, const struct name *b) {
  for (int32_t i = 0; i < 2; ++i) {
    const struct tinyi_vector *one = &a->parts[i], *other = &b->parts[i];
    if (one->count != other->count || memcmp(file->data + one->at, file->data + other->at, one->count) != 0) {
      return 0;
    }
  }
  return 1;
}

/* The tensor by which the network's first operators, up to a number, name a variable; UINT32_MAX where none does. */
static uint32_t find_handle(struct tinyi_context *context, const struct name *name, uint32_t end) {
  for (uint32_t i = 0; i < end && context->file.status == TINYI_OK; ++i) {
    const struct node node = node_at(context, &context->model->nodes, i);
    if (node.code == VAR_HANDLE) {
      const struct name other = name_of(&context->file, &node);
      const int32_t index = tinyi_index(context, &node.outputs, 0);
      if (index >= 0 && is_same(&context->file, name, &other)) {
        return (uint32_t)index;
      }
    }
  }
  return UINT32_MAX;
}

/* Which tensor of the current operator is the value that a variable gets or has. */
static const struct tinyi_vector *value_of(const struct tinyi_context *context, const struct node *node,
                                           uint32_t *position) {
  *position = node->code == ASSIGN_VARIABLE;
  return node->code == ASSIGN_VARIABLE ? &context->inputs : &context->outputs;
}

/* A resource variable, named by the operator of this number; its size is told by those that use it. */
static void begin_resource(struct tinyi_context *context, const struct node *node, uint32_t number) {
  const int32_t index = tinyi_index(context, &node->outputs, 0);
  const struct name name = name_of(&context->file, node);
  const uint32_t known = find_handle(context, &name, number);
  if (index < 0 || context->file.status != TINYI_OK) {
    tinyi_fail(&context->file, TINYI_DAMAGED);
  } else if (known == UINT32_MAX) {
    tinyi_note_written(context, (uint32_t)index, 1);
  } else if (context->model->places[index] == TINYI_UNWRITTEN) {
    context->model->places[index] = context->model->places[known];
  }
}

/* The value that a variable gets or has tells its size. */
static void size_resource(struct tinyi_context *context, const struct node *node) {
  uint32_t position;
  const int32_t handle = tinyi_index(context, &context->inputs, 0);
  context->outputs = *value_of(context, node, &position);
  const uint32_t bytes = tinyi_output_bytes(context, position, UINT32_MAX);
  const uint32_t number = handle < 0 ? TINYI_UNWRITTEN : context->model->places[handle];
  if (number >= TINYI_CONSTANT) {
    tinyi_fail(&context->file, TINYI_UNSUPPORTED);
  } else if (context->file.status == TINYI_OK) {
    context->lifetimes[number].size = bytes;
  }
}

/* Whether an input of the current operator is a variable. */
static int32_t is_variable(struct tinyi_context *context, uint32_t position) {
  const int32_t index = tinyi_index(context, &context->inputs, position);
  if (index < 0) {
    return 0;
  }
  const struct tinyi_table tensor = tinyi_element(&context->file, &context->model->tensors, (uint32_t)index);
  return tinyi_byte(&context->file, &tensor, TENSOR_IS_VARIABLE) != 0;
}

void tinyi_begin_state(struct tinyi_context *context) {
  const uint32_t nodes = context->model->nodes.count;
  context->node = 0;
  for (uint32_t i = 0; i < nodes && context->file.status == TINYI_OK; ++i) {
    const struct node node = enter(context, i);
    if (node.code == VAR_HANDLE) {
      begin_resource(context, &node, i);
    } else if (has_variable(&node)) {
      size_resource(context, &node);
    } else {
      context->outputs = context->inputs;
      for (uint32_t position = 0; position < node.inputs.count && context->file.status == TINYI_OK; ++position) {
        if (is_variable(context, position) &&
            context->model->places[number_at(&context->file, &node.inputs, position)] == TINYI_UNWRITTEN) {
          tinyi_plan_output(context, position, UINT32_MAX);
        }
      }
    }
  }
}

/* The place of a variable by a tensor that names it. */
static int8_t *place_of(struct tinyi_context *context, uint32_t handle) {
  const uint32_t place = context->model->places[handle];
  if (place >= TINYI_CONSTANT) {
    tinyi_fail(&context->file, TINYI_UNSUPPORTED);
  }
  return (int8_t *)context->model->config->arena + place * context->model->config->unit;
}

static uint32_t size_of(const struct tinyi_tensor *tensor) {
  return (uint32_t)tensor->elements * tensor->element_bytes;
}

/* Zeros: of int8 they are its zero point. */
static void clear(const struct tinyi_context *context, const struct tinyi_tensor *like, int8_t *data) {
  if (context->file.status == TINYI_OK) {
    memset(data, like->type == TINYI_INT8 ? like->zero_point : 0, size_of(like));
  }
}

/* The state of the current operator. */
static void clear_state(struct tinyi_context *context, const struct node *node) {
  struct tinyi_tensor tensor;
  if (has_variable(node)) {
    uint32_t position;
    const struct tinyi_vector *vector = value_of(context, node, &position);
    const int32_t handle = tinyi_index(context, &context->inputs, 0);
    tinyi_read_any(context, vector, position, &tensor);
    if (handle >= 0 && context->file.status == TINYI_OK) {
      clear(context, &tensor, place_of(context, (uint32_t)handle));
    }
    return;
  }
  for (uint32_t i = 0; i < node->inputs.count; ++i) {
    if (is_variable(context, i)) {
      tinyi_read_any(context, &context->inputs, i, &tensor);
      clear(context, &tensor, tensor.data);
    }
  }
}

/* The bytes of a variable at this place. */
static uint32_t find_size(struct tinyi_context *context, uint32_t place) {
  for (uint32_t i = 0; i < context->model->nodes.count && context->file.status == TINYI_OK; ++i) {
    const struct node node = enter(context, i);
    const int32_t handle = has_variable(&node) ? tinyi_index(context, &context->inputs, 0) : -1;
    if (handle >= 0 && context->model->places[handle] == place) {
      struct tinyi_tensor like;
      uint32_t position;
      const struct tinyi_vector *vector = value_of(context, &node, &position);
      tinyi_read_any(context, vector, position, &like);
      return size_of(&like);
    }
  }
  return 0;
}

/* Assign a constant of another graph. */
static void assign(struct tinyi_context *context, const struct tinyi_vector *tensors, uint32_t value,
                   const struct name *name) {
  struct tinyi_file *file = &context->file;
  const uint32_t handle = find_handle(context, name, context->model->nodes.count);
  const uint32_t bytes = handle == UINT32_MAX ? 0 : find_size(context, context->model->places[handle]);
  const struct tinyi_table tensor = tinyi_element(file, tensors, value);
  const uint32_t number = (uint32_t)tinyi_int(file, &tensor, TENSOR_BUFFER, 0);
  const struct tinyi_table buffer = tinyi_element(file, &context->model->buffers, number);
  const struct tinyi_vector content = tinyi_vector(file, &buffer, BUFFER_DATA, 0);
  if (bytes == 0) {
    return; /* nobody asks for it */
  }
  tinyi_require(context, content.count == bytes, TINYI_UNSUPPORTED);
  int8_t *place = place_of(context, handle);
  if (file->status == TINYI_OK) {
    memcpy(place, file->data + content.at, bytes);
  }
}

/* The name that a tensor of another graph has from one of its operators. */
static struct name find_name(struct tinyi_context *context, const struct tinyi_vector *nodes, uint32_t handle) {
  struct tinyi_file *file = &context->file;
  const struct name none = {{{0, 0}, {0, 0}}};
  for (uint32_t i = 0; i < nodes->count && file->status == TINYI_OK; ++i) {
    const struct node node = node_at(context, nodes, i);
    if (node.code == VAR_HANDLE && number_at(file, &node.outputs, 0) == handle) {
      return name_of(file, &node);
    }
  }
  tinyi_fail(file, TINYI_UNSUPPORTED);
  return none;
}

/* What CALL_ONCE calls. */
static void run_once(struct tinyi_context *context, const struct node *caller) {
  struct tinyi_file *file = &context->file;
  const struct tinyi_table root = tinyi_follow(file, 0);
  const struct tinyi_vector subgraphs = tinyi_vector(file, &root, MODEL_SUBGRAPHS, 2);
  const struct tinyi_table options = tinyi_child(file, &caller->table, OPERATOR_BUILTIN_OPTIONS);
  const uint32_t index = (uint32_t)tinyi_int(file, &options, INIT_SUBGRAPH_INDEX, 0);
  const struct tinyi_table graph = tinyi_element(file, &subgraphs, index);
  const struct tinyi_vector tensors = tinyi_vector(file, &graph, SUBGRAPH_TENSORS, 2);
  const struct tinyi_vector nodes = tinyi_vector(file, &graph, SUBGRAPH_OPERATORS, 2);
  for (uint32_t i = 0; i < nodes.count && file->status == TINYI_OK; ++i) {
    const struct node node = node_at(context, &nodes, i);
    tinyi_require(context, node.code == VAR_HANDLE || node.code == ASSIGN_VARIABLE, TINYI_UNSUPPORTED);
    if (node.code == ASSIGN_VARIABLE) {
      const struct name name = find_name(context, &nodes, number_at(file, &node.inputs, 0));
      assign(context, &tensors, number_at(file, &node.inputs, 1), &name);
    }
  }
}

int tinyi_reset(const struct tinyi *model) {
  const struct tinyi_file file = {model->config->data, model->config->size, TINYI_OK};
  struct tinyi_context context;
  context.file = file;
  context.model = model;
  context.lifetimes = NULL;
  /* all state is cleared before some of it gets other values */
  for (int32_t is_second = 0; is_second < 2; ++is_second) {
    for (uint32_t i = 0; i < model->nodes.count && context.file.status == TINYI_OK; ++i) {
      const struct node node = enter(&context, i);
      if (!is_second) {
        clear_state(&context, &node);
      } else if (node.code == CALL_ONCE) {
        run_once(&context, &node);
      }
    }
  }
  return context.file.status;
}

void tinyi_nothing(struct tinyi_context *context) { (void)context; }

/* The resource variable that the current operator names, of so many bytes. */
static int8_t *variable(struct tinyi_context *context, uint32_t bytes) {
  const int32_t index = tinyi_index(context, &context->inputs, 0);
  if (index < 0 || context->file.status != TINYI_OK) {
    tinyi_fail(&context->file, TINYI_DAMAGED);
    return NULL;
  }
  if (context->lifetimes == NULL) {
    return place_of(context, (uint32_t)index);
  }
  tinyi_note_read(context, (uint32_t)index);
  tinyi_require(context,
                context->file.status != TINYI_OK ||
                    context->lifetimes[context->model->places[index]].size == bytes,
                TINYI_DAMAGED);
  return NULL;
}

void tinyi_read_variable(struct tinyi_context *context) {
  struct tinyi_tensor value;
  tinyi_read_any(context, &context->outputs, 0, &value);
  const int8_t *from = variable(context, size_of(&value));
  if (context->file.status == TINYI_OK && from != NULL) {
    memcpy(value.data, from, size_of(&value));
  }
}

void tinyi_assign_variable(struct tinyi_context *context) {
  struct tinyi_tensor value;
  tinyi_read_any(context, &context->inputs, 1, &value);
  int8_t *to = variable(context, size_of(&value));
  if (context->file.status == TINYI_OK && to != NULL) {
    memcpy(to, value.data, size_of(&value));
  }
}
