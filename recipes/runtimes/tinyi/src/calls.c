/* IF and WHILE: see tinyi/calls.h.
 *
 * IF hands all inputs but its condition to one of two subgraphs, whose outputs are its own. WHILE's outputs are what its
 * loop turns over: its inputs at first, then handed to the condition and to the body, whose outputs come in their place.
 */
#include "tinyi/calls.h"

#include <string.h>

#include "tinyi/operators.h"

/* Fields of TFLite's schema: Model, SubGraph, Tensor, Operator, OperatorCode. */
enum { MODEL_OPERATOR_CODES = 1, MODEL_SUBGRAPHS = 2, TENSOR_SHAPE = 0 };
enum { SUBGRAPH_TENSORS = 0, SUBGRAPH_INPUTS = 1, SUBGRAPH_OUTPUTS = 2, SUBGRAPH_OPERATORS = 3 };
enum { OPERATOR_OPCODE_INDEX = 0, OPERATOR_BUILTIN_OPTIONS = 4, CODE_DEPRECATED = 0, CODE_BUILTIN = 3 };

/* Of the enumeration BuiltinOperator. */
enum { FULLY_CONNECTED = 9, IF = 118, WHILE = 119 };

enum state { UNKNOWN, BEGUN, DONE };

static uint8_t *end_of(const struct tinyi *model) {
  return model->config->arena + (model->config->arena_bytes & ~UINT32_C(3));
}

static struct tinyi_part *part_of(const struct tinyi *model, uint32_t number) {
  return (struct tinyi_part *)(void *)end_of(model) - 1 - number;
}

static struct tinyi_vector graphs_of(struct tinyi_file *file) {
  const struct tinyi_table root = tinyi_follow(file, 0);
  return tinyi_vector(file, &root, MODEL_SUBGRAPHS, 2);
}

uint32_t tinyi_parts_bytes(struct tinyi_file *file) {
  if (file->size < 8 || file->size >= UINT32_C(1) << 31) {
    tinyi_fail(file, TINYI_DAMAGED);
    return 0;
  }
  const uint32_t count = graphs_of(file).count;
  if (count == 0 || count > TINYI_MAX_GRAPHS) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
    return 0;
  }
  return count * (uint32_t)sizeof(struct tinyi_part);
}

void tinyi_begin_parts(struct tinyi_context *context) {
  if (context->file.status == TINYI_OK) {
    const uint32_t bytes = tinyi_parts_bytes(&context->file);
    memset(end_of(context->model) - bytes, 0, bytes);
    part_of(context->model, 0)->state = BEGUN;
  }
}

/* What an operator is, by its code. */
static int32_t code_of(struct tinyi_file *file, const struct tinyi_vector *codes, const struct tinyi_table *node) {
  const struct tinyi_table code = tinyi_element(file, codes, (uint32_t)tinyi_int(file, node, OPERATOR_OPCODE_INDEX, 0));
  const int32_t narrow = tinyi_byte(file, &code, CODE_DEPRECATED), wide = tinyi_int(file, &code, CODE_BUILTIN, 0);
  return wide > narrow ? wide : narrow;
}

/* The number of one of the two subgraphs that an operator names. */
static uint32_t callee_of(struct tinyi_file *file, const struct tinyi_table *options, uint32_t which) {
  const uint32_t number = (uint32_t)tinyi_int(file, options, which, 0);
  if (number == 0 || number >= graphs_of(file).count) {
    tinyi_fail(file, TINYI_DAMAGED);
    return 0;
  }
  return number;
}

/* A subgraph that an operator of graph `number` calls and that isn't set up; 0: there is none. */
static uint32_t missing_callee(struct tinyi_context *context, uint32_t number, const struct tinyi_table *node) {
  struct tinyi_file *file = &context->file;
  struct tinyi_part *part = part_of(context->model, number);
  const struct tinyi_table options = tinyi_child(file, node, OPERATOR_BUILTIN_OPTIONS);
  for (uint32_t which = 0; which < 2 && file->status == TINYI_OK; ++which) {
    const uint32_t callee = callee_of(file, &options, which);
    struct tinyi_part *called = part_of(context->model, callee);
    if (called->state == UNKNOWN) {
      called->state = BEGUN;
      called->caller = (uint16_t)number;
      return callee;
    }
    tinyi_require(context, called->state == DONE && called->depth < TINYI_MAX_DEPTH, TINYI_UNSUPPORTED);
    part->depth = part->depth > called->depth ? part->depth : (uint8_t)(called->depth + 1);
  }
  return 0;
}

uint32_t tinyi_next_part(struct tinyi_context *context, uint32_t number) {
  struct tinyi_file *file = &context->file;
  const struct tinyi_table root = tinyi_follow(file, 0);
  const struct tinyi_vector graphs = graphs_of(file), codes = tinyi_vector(file, &root, MODEL_OPERATOR_CODES, 2);
  while (file->status == TINYI_OK) {
    struct tinyi_part *part = part_of(context->model, number);
    const struct tinyi_table graph = tinyi_element(file, &graphs, number);
    const struct tinyi_vector nodes = tinyi_vector(file, &graph, SUBGRAPH_OPERATORS, 2);
    uint32_t callee = 0;
    tinyi_require(context, nodes.count < TINYI_CONSTANT, TINYI_UNSUPPORTED);
    while (part->node < nodes.count && file->status == TINYI_OK && callee == 0) {
      const struct tinyi_table node = tinyi_element(file, &nodes, part->node);
      const int32_t code = code_of(file, &codes, &node);
      if (code == IF || code == WHILE) {
        callee = missing_callee(context, number, &node);
      }
      part->node = (uint16_t)(part->node + (callee == 0));
    }
    if (callee == 0) {
      return number;
    }
    number = callee;
  }
  return 0;
}

/* Adds the work of so many elements or products to that of a graph. */
static void add_work(struct tinyi_part *part, uint64_t elements) {
  const uint64_t work = part->work + elements / TINYI_WORK_UNIT + 1;
  part->work = work < TINYI_MAX_WORK ? (uint32_t)work : TINYI_MAX_WORK;
}

/* Adds the elements of tensors, of any type and shape. */
static void add_tensors(struct tinyi_context *context, const struct tinyi_vector *tensors, struct tinyi_part *part) {
  struct tinyi_file *file = &context->file;
  for (uint32_t i = 0; i < tensors->count && file->status == TINYI_OK; ++i) {
    const int32_t index = tinyi_index(context, tensors, i);
    if (index >= 0) {
      const struct tinyi_table tensor = tinyi_element(file, &context->model->tensors, (uint32_t)index);
      const struct tinyi_vector shape = tinyi_vector(file, &tensor, TENSOR_SHAPE, 2);
      uint64_t elements = 1;
      for (uint32_t axis = 0; axis < shape.count && elements <= UINT32_MAX; ++axis) {
        elements *= tinyi_word(file, shape.at + 4 * axis);
      }
      add_work(part, elements);
    }
  }
}

/* Those of a dense layer, which set-up doesn't count. */
static void add_products(struct tinyi_context *context, const struct tinyi_table *node, struct tinyi_part *part) {
  struct tinyi_context planned = *context; /* as in an inference */
  struct tinyi_tensor input, output;
  planned.lifetimes = NULL;
  planned.inputs = tinyi_vector(&planned.file, node, TINYI_OPERATOR_INPUTS, 2);
  planned.outputs = tinyi_vector(&planned.file, node, TINYI_OPERATOR_OUTPUTS, 2);
  tinyi_read_any(&planned, &planned.inputs, 0, &input);
  tinyi_read_any(&planned, &planned.outputs, 0, &output);
  tinyi_fail(&context->file, planned.file.status);
  add_work(part, (uint64_t)input.elements * (uint64_t)output.shape[TINYNN_RANK - 1]);
}

uint32_t tinyi_end_part(struct tinyi_context *context, uint32_t number, uint32_t units) {
  struct tinyi_file *file = &context->file;
  const struct tinyi *model = context->model;
  struct tinyi_part *part = part_of(model, number);
  const struct tinyi_vector graphs = graphs_of(file);
  const struct tinyi_table graph = tinyi_element(file, &graphs, number);
  part->units = units;
  part->places = (uint32_t)(end_of(model) - (uint8_t *)model->places);
  part->state = DONE;
  part->work = context->work;
  for (uint32_t field = SUBGRAPH_INPUTS; field <= SUBGRAPH_OUTPUTS; ++field) {
    const struct tinyi_vector handed = tinyi_vector(file, &graph, field, 2);
    add_tensors(context, &handed, part);
  }
  for (uint32_t i = 0; i < model->nodes.count && file->status == TINYI_OK; ++i) {
    const struct tinyi_table node = tinyi_element(file, &model->nodes, i);
    add_work(part, TINYI_LEAST_WORK * TINYI_WORK_UNIT);
    for (uint32_t field = TINYI_OPERATOR_INPUTS; field <= TINYI_OPERATOR_OUTPUTS; ++field) {
      const struct tinyi_vector tensors = tinyi_vector(file, &node, field, 2);
      add_tensors(context, &tensors, part);
    }
    if (code_of(file, &model->codes, &node) == FULLY_CONNECTED) {
      add_products(context, &node, part);
    }
  }
  return part->caller;
}

/* A subgraph as a model of its own. */
struct call {
  struct tinyi_config config;
  struct tinyi model;
  struct tinyi_context context;
  struct tinyi_vector inputs, outputs;
  uint32_t number;
};

static __attribute__((noinline)) void begin(struct call *call, struct tinyi_context *caller, uint32_t which) {
  struct tinyi_file *file = &caller->file;
  const struct tinyi *model = caller->model;
  const struct tinyi_vector graphs = graphs_of(file);
  const uint32_t number = callee_of(file, &caller->options, which);
  const struct tinyi_table graph = tinyi_element(file, &graphs, number);
  call->number = number;
  call->config = *model->config;
  call->config.arena = caller->scratch;
  call->config.arena_bytes = (uint32_t)(end_of(model) - caller->scratch);
  call->model = *model;
  call->model.config = &call->config;
  call->model.tensors = tinyi_vector(file, &graph, SUBGRAPH_TENSORS, 2);
  call->model.nodes = tinyi_vector(file, &graph, SUBGRAPH_OPERATORS, 2);
  call->model.places = (uint16_t *)(void *)(end_of(model) - part_of(model, number)->places);
  call->inputs = tinyi_vector(file, &graph, SUBGRAPH_INPUTS, 2);
  call->outputs = tinyi_vector(file, &graph, SUBGRAPH_OUTPUTS, 2);
  call->context.file = *file;
  call->context.model = &call->model;
  call->context.lifetimes = NULL;
  call->context.code = TINYI_NO_CODE;
  call->context.outputs.count = 0;
}

/* Tensors of one graph, from one on, become those of another one; in set-up they are only compared. */
static void hand(struct tinyi_context *giver, const struct tinyi_vector *given, uint32_t first,
                 struct tinyi_context *taker, const struct tinyi_vector *taken, int32_t is_set_up) {
  tinyi_require(taker, given->count - first == taken->count, TINYI_DAMAGED);
  for (uint32_t i = 0; i < taken->count && giver->file.status == TINYI_OK && taker->file.status == TINYI_OK; ++i) {
    struct tinyi_tensor from, to;
    tinyi_read_any(giver, given, first + i, &from);
    tinyi_read_any(taker, taken, i, &to);
    tinyi_require(taker, from.type == to.type && from.elements == to.elements && !to.is_constant, TINYI_DAMAGED);
    if (!is_set_up && giver->file.status == TINYI_OK && taker->file.status == TINYI_OK) {
      memcpy(to.data, from.data, (size_t)to.elements * to.element_bytes);
    }
  }
  tinyi_fail(&taker->file, giver->file.status);
  tinyi_fail(&giver->file, taker->file.status);
}

/* A single truth value. */
static int32_t condition(struct tinyi_context *context, const struct tinyi_vector *vector, int32_t is_set_up) {
  struct tinyi_tensor tensor;
  tinyi_read_any(context, vector, 0, &tensor);
  tinyi_require(context, tensor.type == TINYI_BOOL && tensor.elements == 1, TINYI_UNSUPPORTED);
  return !is_set_up && context->file.status == TINYI_OK && *tensor.data != 0;
}

/* All operators of a subgraph that was handed its inputs. */
static void run(struct call *call) {
  struct tinyi_part *network = part_of(&call->model, 0);
  network->work += part_of(&call->model, call->number)->work;
  tinyi_require(&call->context, network->work < TINYI_MAX_WORK, TINYI_UNSUPPORTED);
  tinyi_run_nodes(&call->context);
}

/* Set-up: the operator's tensors are noted, and compared with those of the subgraphs, of which it takes the larger
 * arena. */
static void plan(struct tinyi_context *context, int32_t is_loop) {
  for (uint32_t i = 0; i < context->inputs.count; ++i) {
    tinyi_plan_input(context, i);
  }
  for (uint32_t i = 0; i < context->outputs.count; ++i) {
    tinyi_plan_output(context, i, UINT32_MAX);
  }
  if (context->file.status != TINYI_OK) {
    return;
  }
  struct tinyi_context noted = *context; /* as in an inference */
  noted.lifetimes = NULL;
  noted.scratch = context->model->config->arena;
  if (is_loop) {
    hand(&noted, &noted.inputs, 0, &noted, &noted.outputs, 1);
  } else {
    (void)condition(&noted, &noted.inputs, 1);
  }
  for (uint32_t which = 0; which < 2 && noted.file.status == TINYI_OK; ++which) {
    struct call call;
    begin(&call, &noted, which);
    const struct tinyi_part *part = part_of(context->model, call.number);
    const uint32_t bytes = part->units * context->model->config->unit;
    tinyi_require(&noted, part->state == DONE, TINYI_DAMAGED);
    hand(&noted, &noted.inputs, !is_loop, &call.context, &call.inputs, 1);
    if (is_loop && which == 0) {
      (void)condition(&call.context, &call.outputs, 1);
      tinyi_fail(&noted.file, call.context.file.status);
    } else {
      hand(&call.context, &call.outputs, 0, &noted, &noted.outputs, 1);
    }
    context->scratch_least = bytes > context->scratch_least ? bytes : context->scratch_least;
  }
  context->scratch_most = context->scratch_least;
  tinyi_fail(&context->file, noted.file.status);
}

void tinyi_if(struct tinyi_context *context) {
  if (context->lifetimes != NULL) {
    plan(context, 0);
    return;
  }
  struct call call;
  begin(&call, context, !condition(context, &context->inputs, 0));
  hand(context, &context->inputs, 1, &call.context, &call.inputs, 0);
  run(&call);
  hand(&call.context, &call.outputs, 0, context, &context->outputs, 0);
}

void tinyi_while(struct tinyi_context *context) {
  if (context->lifetimes != NULL) {
    plan(context, 1);
    return;
  }
  int32_t goes_on = 1;
  hand(context, &context->inputs, 0, context, &context->outputs, 0);
  while (goes_on && context->file.status == TINYI_OK) {
    struct call call;
    begin(&call, context, 0);
    hand(context, &context->outputs, 0, &call.context, &call.inputs, 0);
    run(&call);
    goes_on = condition(&call.context, &call.outputs, 0);
    tinyi_fail(&context->file, call.context.file.status);
    if (goes_on) {
      begin(&call, context, 1);
      hand(context, &context->outputs, 0, &call.context, &call.inputs, 0);
      run(&call);
      hand(&call.context, &call.outputs, 0, context, &context->outputs, 0);
    }
  }
}

int tinyi_invoke_with_calls(const struct tinyi *model) {
  part_of(model, 0)->work = 0;
  return tinyi_invoke(model);
}
