/* From reset to main, after the part that only assembly or registers can do. */
#include "tf_start.h"

int main(void);

_Noreturn void tf_start(void) {
  const uint32_t *load = tf_data_load;
  for (uint32_t *word = tf_data_start; word != tf_data_end; ++word) {
    *word = *load++;
  }
  for (uint32_t *word = tf_bss_start; word != tf_bss_end; ++word) {
    *word = 0;
  }
  main();
  tf_trap();
}

_Noreturn void tf_trap(void) {
  for (;;) {
    __asm volatile(""); /* a loop without effect may be removed */
  }
}
