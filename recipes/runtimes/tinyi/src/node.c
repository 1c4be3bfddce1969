/* One operator of the file: which it is, and the call of its `visit`. */
#include "tinyi/visit.h"

/* Fields of TFLite's schema: Operator, OperatorCode. */
enum { OPERATOR_OPCODE_INDEX = 0, OPERATOR_BUILTIN_OPTIONS = 4 };
enum { CODE_DEPRECATED = 0, CODE_VERSION = 2, CODE_BUILTIN = 3 };

/* The operator's entry in the table of those that were linked. */
static __attribute__((noinline)) void find(struct tinyi_visit *visit, uint32_t code_index) {
  struct tinyi_file *file = &visit->file;
  const struct tinyi_table code = tinyi_element(file, &visit->model->codes, code_index);
  /* the older, narrow field holds 127 for all codes above it */
  const int32_t narrow = tinyi_byte(file, &code, CODE_DEPRECATED);
  const int32_t wide = tinyi_int(file, &code, CODE_BUILTIN, 0);
  const int32_t number = wide > narrow ? wide : narrow;
  const int32_t version = tinyi_int(file, &code, CODE_VERSION, 1);
  const struct tinyi_operator *entry = visit->model->config->operators, *end = entry + visit->model->config->operator_count;
  while (entry != end && entry->code != number) {
    ++entry;
  }
  if (entry == end) {
    tinyi_fail(file, TINYI_UNKNOWN_OPERATOR);
    return;
  }
  tinyi_require(visit, version <= entry->newest, TINYI_UNSUPPORTED);
  visit->code = (uint16_t)code_index;
  visit->entry = entry;
}

void tinyi_visit_node(struct tinyi_visit *visit) {
  struct tinyi_file *file = &visit->file;
  const struct tinyi *model = visit->model;
  const struct tinyi_table node = tinyi_element(file, &model->nodes, visit->node);
  const uint32_t code = (uint32_t)tinyi_int(file, &node, OPERATOR_OPCODE_INDEX, 0);
  visit->inputs = tinyi_vector(file, &node, TINYI_OPERATOR_INPUTS, 2);
  visit->outputs = tinyi_vector(file, &node, TINYI_OPERATOR_OUTPUTS, 2);
  if (visit->code != code || code >= TINYI_NO_CODE) {
    find(visit, code);
  }
  if (visit->lives == NULL) {
    const uint16_t *scratch = tinyi_scratch_of(model, visit->node);
    visit->scratch = model->config->arena + scratch[0] * model->config->unit;
    visit->scratch_bytes = scratch[1] * model->config->unit;
    visit->choice = *tinyi_choice_of(model, visit->node);
  } else {
    visit->scratch_least = 0;
    visit->scratch_most = 0;
    visit->scratch_step = 0;
    visit->in_place = 0;
    visit->choice = 0;
  }
  if (file->status != TINYI_OK) {
    return;
  }
  const struct tinyi_operator *entry = visit->entry;
  if (visit->outputs.count - 1 >= entry->most_outputs) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
    return;
  }
  visit->kernel = entry->kernel;
  if (visit->lives != NULL && entry->plan != NULL) {
    entry->plan(visit);
    return;
  }
  visit->options = tinyi_child(file, &node, OPERATOR_BUILTIN_OPTIONS);
  if (file->status == TINYI_OK) {
    entry->visit(visit);
  }
}
