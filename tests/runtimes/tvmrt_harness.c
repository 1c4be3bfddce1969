/* Opens graphs that come through standard input, runs those that open, and answers with the code of each.

   A graph comes as four little-endian int32: form (0 JSON, 1 binary), bytes of pool and of arena less than the model has,
   size; then its bytes. Everything is given exactly as much memory as is said, so that a sanitizer sees one byte more. */
#define _POSIX_C_SOURCE 200112L
#include "model.c"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *exactly(size_t size) {
  void *place;
  if (posix_memalign(&place, TVMRT_ALIGNMENT, size) != 0) {
    abort();
  }
  return place;
}

int main(void) {
  int32_t head[4];
  while (fread(head, sizeof head, 1, stdin) == 1) {
    const size_t size = (size_t)head[3];
    char *const graph_bytes = malloc(size ? size : 1);
    if (graph_bytes == 0 || (size && fread(graph_bytes, size, 1, stdin) != 1)) {
      return 1;
    }
    const uint32_t pool_size = (uint32_t)sizeof pool - (uint32_t)head[1];
    const uint32_t arena_size = (uint32_t)sizeof model_arena - (uint32_t)head[2];
    const tvmrt_memory_t memory = {exactly(pool_size), pool_size, exactly(arena_size), arena_size};
    memset(memory.arena, 1, arena_size);
    tvmrt_graph_t opened;
    int code = head[0] ? tvmrt_open_binary(&opened, &model_tables, &memory, (const uint8_t *)graph_bytes, size)
                       : tvmrt_open_json(&opened, &model_tables, &memory, graph_bytes, size);
    if (code == TVMRT_OK) {
      code = tvmrt_run(&opened) == TVMRT_OK ? TVMRT_OK : -1;
    }
    free(memory.pool);
    free(memory.arena);
    free(graph_bytes);
    fwrite(&code, sizeof code, 1, stdout);
    fflush(stdout);
  }
  return 0;
}
