/* One inference: every operator is run in order. */
#include "tinyi/context.h"

int tinyi_invoke(const struct tinyi *model) {
  struct tinyi_context context;
  const struct tinyi_file file = {model->config->data, model->config->size, TINYI_OK};
  context.file = file;
  context.model = model;
  context.lifetimes = NULL;
  context.code = TINYI_NO_CODE;
  tinyi_run_nodes(&context);
  return context.file.status;
}
