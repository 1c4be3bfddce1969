/* Every way to leave a block: loops, IT blocks, tables, calls, returns, long straight code. */
#include <stdint.h>
#include <string.h>

#define ROOT __attribute__((used, retain))
#define APART __attribute__((noinline))

volatile int32_t seed = 12345;
uint32_t words[64];

static uint32_t next(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* A block that jumps to itself. */
ROOT int self_loop(void) {
  uint32_t count = 1000;
#if defined(__thumb__)
  __asm volatile("1: subs %0, %0, #1\n\tbne 1b" : "+l"(count)::"cc");
#else
  __asm volatile("1: addi %0, %0, -1\n\tbnez %0, 1b" : "+r"(count));
#endif
  return (int)count;
}

/* Conditions that hold or fail from one iteration to the next; IT blocks of one to four on Thumb-2. */
ROOT int conditions(void) {
  uint32_t state = (uint32_t)seed;
  int32_t low = 0, high = 0, sum = 0;
  for (int i = 0; i < 500; ++i) {
    int32_t value = (int32_t)(next(&state) & 255) - 128;
    low = value < low ? value : low;
    high = value > high ? value : high;
    sum += value > 0 ? value * 3 : -value;
#if defined(__thumb2__)
    __asm volatile("cmp %1, #0\n\titete gt\n\taddgt %0, %0, #1\n\tsuble %0, %0, #1\n\taddgt %0, %0, #2\n\taddle %0, #3"
                   : "+l"(sum) : "l"(value) : "cc");
#endif
  }
  return low + high + sum;
}

/* An IT block that ends in a jump out of it. */
ROOT int jumps_out(void) {
  uint32_t state = (uint32_t)seed;
  for (int i = 0; i < 100; ++i) {
    if ((next(&state) & 31) == 7) {
      return i;
    }
  }
  return -1;
}

/* tbb or a table of addresses. */
ROOT int table(void) {
  uint32_t state = (uint32_t)seed;
  int sum = 0;
  for (int i = 0; i < 300; ++i) {
    switch (next(&state) & 15) {
      case 0: sum += 3; break;
      case 1: sum ^= 0x55; break;
      case 2: sum -= i; break;
      case 3: sum <<= 1; break;
      case 4: sum = -sum; break;
      case 5: sum += words[i & 63] == 0; break;
      case 6: sum >>= 2; break;
      case 7: sum |= 8; break;
      case 8: sum &= 0xffff; break;
      case 9: sum += 1000; break;
      default: sum *= 5;
    }
  }
  return sum;
}

APART static int twice(int value) { return value + value + seed * 0; }
APART static int thrice(int value) { return twice(value) + value; }

/* Direct calls, calls through pointers. */
ROOT int calls(void) {
  int (*const functions[2])(int) = {twice, thrice};
  int sum = 0;
  for (int i = 0; i < 20; ++i) {
    sum += functions[i & 1](i);
  }
  return sum;
}

APART static int depth(int left) {
  volatile int here[4] = {left, 0, 0, 0};
  return left == 0 ? 0 : depth(left - 1) + here[0];
}

/* Recursion: push and pop of several registers. */
ROOT int recursion(void) { return depth(10); }

/* ldm and stm, or memcpy's. */
ROOT int copies(void) {
  struct block { uint32_t word[12]; } *blocks = (struct block *)(void *)words;
  for (uint32_t i = 0; i < 64; ++i) {
    words[i] = i * 3;
  }
  blocks[1] = blocks[0];
  memcpy(words + 40, words, 90);
  return (int)words[52];
}

/* Longer than any block may be, and than a page. */
ROOT int straight(void) {
  int value = seed;
#if defined(__thumb__) && !defined(__thumb2__)
  __asm volatile(".rept 300\n\tadds %0, %0, #1\n\t.endr" : "+l"(value)::"cc"); /* as far as a literal reaches */
#elif defined(__thumb2__)
  __asm volatile(".rept 1500\n\tadds %0, %0, #1\n\t.endr" : "+l"(value)::"cc");
#else
  __asm volatile(".rept 1500\n\taddi %0, %0, 1\n\t.endr" : "+r"(value));
#endif
  return value;
}

/* 4-byte instructions across page boundaries. */
ROOT int wide(void) {
  int value = seed;
#if defined(__thumb2__)
  __asm volatile("nop\n\t.rept 700\n\tadd.w %0, %0, #1\n\t.endr" : "+r"(value));
#elif defined(__riscv)
  __asm volatile("nop\n\t.option push\n\t.option norvc\n\t.rept 700\n\taddi %0, %0, 1\n\t.endr\n\t.option pop" : "+r"(value));
#endif
  return value;
}

ROOT int nothing(void) { return 0; }
ROOT int minus_one(void) { return -1; }

#if defined(__thumb__)
/* What start-up code of vendors does: CPUID, the FPU's switch, SysTick's reload value, the cycle counter. */
ROOT int system_registers(void) {
  volatile uint32_t *const cpacr = (volatile uint32_t *)0xE000ED88u, *const reload = (volatile uint32_t *)0xE000E014u;
  volatile uint32_t *const cycles = (volatile uint32_t *)0xE0001004u;
  *cpacr |= 0xFu << 20;
  *reload = 1234;
  uint32_t begin = *cycles;
  while (*cycles - begin < 1000) {
  }
  uint32_t part = *(volatile uint32_t *)0xE000ED00u >> 4 & 0xFFF;
  return *cpacr >> 20 == 0xF && *reload == 1234 ? (int)part : -1;
}
#endif
