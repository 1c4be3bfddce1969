/* One operator of the file: which it is, and the call of its `run`. */
#include "tinyi/context.h"

/* Fields of TFLite's schema: Operator, OperatorCode. */
enum { OPERATOR_OPCODE_INDEX = 0, OPERATOR_BUILTIN_OPTIONS = 4 };
enum { CODE_DEPRECATED = 0, CODE_VERSION = 2, CODE_BUILTIN = 3 };

/* Whether an entry is of the form that the operator has. */
static int32_t is_of_type(struct tinyi_context *context, const struct tinyi_operator *entry) {
  return entry->type < 0 || tinyi_type(context, entry->main_input) == (uint32_t)entry->type;
}

/* The operator's entry in the table of those that were linked. */
static __attribute__((noinline)) void find(struct tinyi_context *context, uint32_t code_index) {
  struct tinyi_file *file = &context->file;
  const struct tinyi_table code = tinyi_element(file, &context->model->codes, code_index);
  /* the older, narrow field holds 127 for all codes above it */
  const int32_t narrow = tinyi_byte(file, &code, CODE_DEPRECATED);
  const int32_t wide = tinyi_int(file, &code, CODE_BUILTIN, 0);
  const int32_t number = wide > narrow ? wide : narrow;
  const int32_t version = tinyi_int(file, &code, CODE_VERSION, 1);
  const struct tinyi_operator *entry = context->model->config->operators,
                              *end = entry + context->model->config->operator_count;
  while (entry != end && (entry->code != number || !is_of_type(context, entry))) {
    ++entry;
  }
  if (entry == end) {
    tinyi_fail(file, TINYI_UNKNOWN_OPERATOR);
    return;
  }
  tinyi_require(context, version <= entry->newest, TINYI_UNSUPPORTED);
  context->code = entry->type < 0 ? (uint16_t)code_index : TINYI_NO_CODE;
  context->entry = entry;
  context->version = version;
}

void tinyi_run_node(struct tinyi_context *context) {
  struct tinyi_file *file = &context->file;
  const struct tinyi *model = context->model;
  const struct tinyi_table node = tinyi_element(file, &model->nodes, context->node);
  const uint32_t code = (uint32_t)tinyi_int(file, &node, OPERATOR_OPCODE_INDEX, 0);
  context->inputs = tinyi_vector(file, &node, TINYI_OPERATOR_INPUTS, 2);
  context->outputs = tinyi_vector(file, &node, TINYI_OPERATOR_OUTPUTS, 2);
  if (context->code != code || code >= TINYI_NO_CODE) {
    find(context, code);
  }
  if (context->lifetimes == NULL) {
    const uint16_t *scratch = tinyi_scratch_of(model, context->node);
    context->scratch = model->config->arena + scratch[0] * model->config->unit;
    context->scratch_bytes = scratch[1] * model->config->unit;
    context->choice = *tinyi_choice_of(model, context->node);
  } else {
    context->scratch_least = 0;
    context->scratch_most = 0;
    context->scratch_step = 0;
    context->in_place = 0;
    context->walk = TINYI_IN_PLACE;
    context->lead = 0;
    context->choice = 0;
  }
  if (file->status != TINYI_OK) {
    return;
  }
  const struct tinyi_operator *entry = context->entry;
  if (context->outputs.count > entry->most_outputs) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
    return;
  }
  context->kernel = entry->kernel;
  if (context->lifetimes != NULL && entry->plan != NULL) {
    entry->plan(context);
    return;
  }
  context->options = tinyi_child(file, &node, OPERATOR_BUILTIN_OPTIONS);
  if (file->status == TINYI_OK) {
    entry->run(context);
  }
}
