/* Several thousand blocks that each run once or twice. */
int many_blocks(void);

__attribute__((used, retain)) int many_blocks(void) {
  int value = 0;
  __asm volatile(".rept 3000\n\tcbz %0, 1f\n\tadds %0, #1\n1:\n\teor %0, #1\n\t.endr" : "+l"(value)::"cc");
  return value;
}
