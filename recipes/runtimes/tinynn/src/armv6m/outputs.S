/* Sums to outputs by a line (line.h): 18 instructions.
 *
 *   void tinynn_outputs_armv6m(const int32_t *sums, int8_t *output, int32_t count, int32_t pitch,
 *                              const struct tinynn_line *line, const int32_t clamp[2])
 *
 * Registers: r0 sums, r1 output, r2 and r3 at work, r4 upper, r5 lower, r6 highest, r7 shift, r8 offset, r9 zero, r10 pitch, r11 end of the sums,
 * r12 lowest.
 */
#include "tinynn/function.inc"

#define LINE 36
#define CLAMP 40

function tinynn_outputs_armv6m
  push {r4-r7, lr}
  mov r4, r8
  mov r5, r9
  mov r6, r10
  mov r7, r11
  push {r4-r7}
  lsls r2, r2, #2
  add r2, r2, r0
  mov r11, r2
  mov r10, r3
  ldr r2, [sp, #CLAMP]
  ldr r3, [r2]
  ldr r6, [r2, #4]
  mov r12, r3
  ldr r3, [sp, #LINE]
  ldm r3, {r3-r5, r7} /* upper, lower, offset, shift */
  mov r8, r5
  mov r5, r4
  mov r4, r3
  ldr r3, [sp, #LINE]
  ldr r3, [r3, #16]
  mov r9, r3
next:
  ldm r0!, {r2}
  lsrs r3, r2, #18
  bne cut
  mov r3, r2
  muls r2, r4, r2
  muls r3, r5, r3
  lsrs r3, r3, #14
  add r2, r2, r8
  adds r2, r2, r3
  cmp r2, r9
  blt below
shifted:
  asrs r2, r2, r7
  cmp r2, r6
  bgt highest
store:
  strb r2, [r1]
  add r1, r1, r10
  cmp r0, r11
  bne next
  pop {r4-r7}
  mov r8, r4
  mov r9, r5
  mov r10, r6
  mov r11, r7
  pop {r4-r7, pc}
below:
  movs r3, #1
  lsls r3, r3, #13
  subs r2, r2, r3
  b shifted
cut:
  cmp r2, #0
  bge highest
  mov r2, r12
  b store
highest:
  mov r2, r6
  b store
end tinynn_outputs_armv6m
