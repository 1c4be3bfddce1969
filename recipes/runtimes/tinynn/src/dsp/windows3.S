/* What lies under the windows of three pixels, side by side: see lines.h.
 *
 *   tinynn_windows3_dsp(to, struct of step, rows, groups, pitch; first pixel)
 *
 * Any step, 9 instructions for 12 values; windows that are a word apart share words: 3 or 4 for 24 values.
 * Registers: r0 to, r1-r3 where to read, r4-r9 values, r10 and r11 groups of a row, r12 rows, lr to the next row.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/function.inc"

function tinynn_windows3_dsp
  push {r4-r11, lr}
  mov r3, r2
  ldm r1, {r2, r11, r12, lr} /* step, rows, groups, pitch */
  mov r1, r3
  mov r10, r12
  mov r12, r11
  mov r11, r10
  cmp r2, #4
  bne any
  cmp r11, #2
  bgt any
  beq two_groups
one_group:
  ldm r1, {r4-r7}
  stm r0!, {r4-r6}
  stm r0!, {r5-r7}
  add r1, r1, lr
  subs r12, r12, #1
  bne one_group
  pop {r4-r11, pc}
two_groups:
  ldm r1, {r4-r9}
  stm r0!, {r4-r6}
  stm r0!, {r5-r7}
  stm r0!, {r6-r8}
  stm r0!, {r7-r9}
  add r1, r1, lr
  subs r12, r12, #1
  bne two_groups
  pop {r4-r11, pc}

any:
  add r3, r1, r2, lsl #1
  add r2, r1, r2
  sub lr, lr, r11, lsl #3
next_row:
  mov r10, r11
next_group:
  ldr r4, [r1], #4
  ldr r5, [r2], #4
  ldr r6, [r3], #4
  ldr r7, [r1], #4
  ldr r8, [r2], #4
  ldr r9, [r3], #4
  stm r0!, {r4-r9}
  subs r10, r10, #1
  bne next_group
  add r1, r1, lr
  add r2, r2, lr
  add r3, r3, lr
  subs r12, r12, #1
  bne next_row
  pop {r4-r11, pc}
end tinynn_windows3_dsp
#endif
