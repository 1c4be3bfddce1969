/* Sums of 3x3 taps, five neighbours at once: see depthwise3x3.c. 14 instructions for 5 products; 9 with MLA, which Armv7-M has.
 *
 *   void tinynn_taps9_armv6m(struct tinynn_tap taps[9], int32_t *sums, int32_t *end, int32_t bias)
 *
 * Each tap's values, words, are where it says, and it is moved on behind them.
 * Registers: r0 values, r1 taps, r2-r6 values, r7 a tap; r8-r12 sums; lr bias.
 */
#include "tinynn/function.inc"

#define TAP_BYTES 8
#define FRAME_BYTES 8
#define SUMS 0
#define END 4

#if __ARM_ARCH >= 7
.macro multiply value, sum
  mla \sum, \value, r7, \sum
.endm
#else
.macro multiply value, sum
  muls \value, r7, \value
  add \sum, \sum, \value
.endm
#endif

.macro tap k
  ldr r0, [r1, #TAP_BYTES*\k]
  ldr r7, [r1, #TAP_BYTES*\k+4]
  ldm r0!, {r2-r6}
  str r0, [r1, #TAP_BYTES*\k]
  multiply r2, r8
  multiply r3, r9
  multiply r4, r10
  multiply r5, r11
  multiply r6, r12
.endm

function tinynn_taps9_armv6m
  push {r4-r7, lr}
  mov r4, r8
  mov r5, r9
  mov r6, r10
  mov r7, r11
  push {r4-r7}
  sub sp, sp, #FRAME_BYTES
  str r1, [sp, #SUMS]
  str r2, [sp, #END]
  mov lr, r3
  mov r1, r0
next_five:
  mov r8, lr
  mov r9, lr
  mov r10, lr
  mov r11, lr
  mov r12, lr
  tap 0
  tap 1
  tap 2
  tap 3
  tap 4
  tap 5
  tap 6
  tap 7
  tap 8
  ldr r0, [sp, #SUMS]
  mov r2, r8
  mov r3, r9
  mov r4, r10
  mov r5, r11
  mov r6, r12
  stm r0!, {r2-r6}
  ldr r2, [sp, #END]
  str r0, [sp, #SUMS]
  cmp r0, r2
  beq done
  b next_five
done:
  add sp, sp, #FRAME_BYTES
  pop {r4-r7}
  mov r8, r4
  mov r9, r5
  mov r10, r6
  mov r11, r7
  pop {r4-r7, pc}
end tinynn_taps9_armv6m
