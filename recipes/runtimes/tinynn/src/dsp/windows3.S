/* What lies under the windows of three pixels, side by side: see lines.h.
 *
 *   tinynn_windows3_dsp(to, struct of step, rows, words, pitch; first pixel)
 *
 * Any step, 6 instructions for 6 values; windows that are one word or three words apart share words: 3 or 4 for 24 values of
 * two or four words, 11 for 30 of five.
 * Registers: r0 to, r1-r3 where to read, r4-r9 values, r10 and r11 words of a row, r12 rows, lr to the next row.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/function.inc"

function tinynn_windows3_dsp
  push {r4-r11, lr}
  mov r3, r2
  ldm r1, {r2, r10, r11, lr} /* step, rows, words, pitch */
  mov r1, r3
  mov r12, r10
  cmp r2, #12
  it eq
  cmpeq r11, #5
  beq five_words
  cmp r2, #4
  bne any
  cmp r11, #2
  beq two_words
  cmp r11, #4
  bne any
four_words:
  ldm r1, {r4-r9}
  stm r0!, {r4-r6}
  stm r0!, {r5-r7}
  stm r0!, {r6-r8}
  stm r0!, {r7-r9}
  add r1, r1, lr
  subs r12, r12, #1
  bne four_words
  pop {r4-r11, pc}
two_words:
  ldm r1, {r4-r7}
  stm r0!, {r4-r6}
  stm r0!, {r5-r7}
  add r1, r1, lr
  subs r12, r12, #1
  bne two_words
  pop {r4-r11, pc}
five_words: /* pitch and rows left on the stack */
  push {r10, lr}
five_more:
  ldm r1, {r2-r12}
  stm r0!, {r2, r5, r8}
  stm r0!, {r3, r6, r9}
  stm r0!, {r4, r7, r10}
  stm r0!, {r5, r8, r11}
  stm r0!, {r6, r9, r12}
  ldrd r2, r3, [sp]
  add r1, r1, r3
  subs r2, r2, #1
  str r2, [sp]
  bne five_more
  pop {r2, r3, r4-r11, pc}

any:
  add r3, r1, r2, lsl #1
  add r2, r1, r2
  sub lr, lr, r11, lsl #2
next_row:
  mov r10, r11
next_word:
  ldr r4, [r1], #4
  ldr r5, [r2], #4
  ldr r6, [r3], #4
  stm r0!, {r4-r6}
  subs r10, r10, #1
  bne next_word
  add r1, r1, lr
  add r2, r2, lr
  add r3, r3, lr
  subs r12, r12, #1
  bne next_row
  pop {r4-r11, pc}
end tinynn_windows3_dsp
#endif
