/* Two rows of int8 weights by the same inputs: see rows.h. Wide: 19 instructions for 16 products, narrow: 23.
 *
 * Registers: r0 inputs, r1 and r2 rows, r3 end of the inputs, r4-r7 eight inputs, r8-r10 weights, r11 and r12 sums,
 * lr what is added to inputs.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/row_of_eight.inc"
#include "tinynn/function.inc"

.macro eight_wide
  ldm r0!, {r4-r7}
  row_of_eight r1, r11
  row_of_eight r2, r12
.endm

.macro eight_narrow
  ldrd r4, r6, [r0], #8
  sxtab16 r5, lr, r4, ror #8
  sxtab16 r4, lr, r4
  sxtab16 r7, lr, r6, ror #8
  sxtab16 r6, lr, r6
  row_of_eight r1, r11
  row_of_eight r2, r12
.endm

.macro begin name
function \name
  push {r0, r4-r11, lr}
  ldrd r11, r12, [r0, #12]
  ldr lr, [r0, #20]
  mov r3, r1
  ldm r0, {r0-r2}
.endm

.macro finish name
  pop {r3}
  stm r3, {r0-r2, r11, r12}
  pop {r4-r11, pc}
end \name
.endm

begin tinynn_rows2_wide_dsp
  and lr, r3, #31
  sub r3, r3, lr
  add r3, r0, r3, lsl #1
  cmp r0, r3
  beq 2f
1:
  eight_wide
  eight_wide
  eight_wide
  eight_wide
  cmp r0, r3
  bne 1b
2:
  cmp lr, #0
  beq 4f
3:
  eight_wide
  subs lr, lr, #8
  bne 3b
4:
finish tinynn_rows2_wide_dsp

begin tinynn_rows2_narrow_dsp
  add r3, r3, r0
1:
  eight_narrow
  cmp r0, r3
  bne 1b
finish tinynn_rows2_narrow_dsp
#endif
