/* One inference: every operator is run in order. */
#include "tinyi/context.h"

int tinyi_invoke(const struct tinyi *model) {
  struct tinyi_context context;
  const struct tinyi_file file = {model->config->data, model->config->size, TINYI_OK};
  context.file = file;
  context.model = model;
  context.lifetimes = NULL;
  context.code = TINYI_NO_CODE;
  for (uint32_t node = 0; node < model->nodes.count && context.file.status == TINYI_OK; ++node) {
    context.node = node;
    tinyi_run_node(&context);
  }
  return context.file.status;
}
