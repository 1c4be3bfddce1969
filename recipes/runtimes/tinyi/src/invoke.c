/* One inference: every operator is visited in order. */
#include "tinyi/visit.h"

int tinyi_invoke(const struct tinyi *model) {
  struct tinyi_visit visit;
  const struct tinyi_file file = {model->config->data, model->config->size, TINYI_OK};
  visit.file = file;
  visit.model = model;
  visit.lives = NULL;
  visit.code = TINYI_NO_CODE;
  for (uint32_t node = 0; node < model->nodes.count && visit.file.status == TINYI_OK; ++node) {
    visit.node = node;
    tinyi_visit_node(&visit);
  }
  return visit.file.status;
}
