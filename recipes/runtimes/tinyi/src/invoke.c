/* One inference: every operator is visited in order. */
#include "tinyi/visit.h"

int tinyi_invoke(const struct tinyi *model) {
  struct tinyi_visit visit;
  visit.file = model->file;
  visit.model = model;
  visit.lives = NULL;
  visit.code = TINYI_NO_CODE;
  for (uint32_t node = 0; node < model->nodes.count && visit.file.status == TINYI_OK; ++node) {
    visit.node = node;
    tinyi_visit_node(&visit);
  }
  return visit.file.status;
}
