/* Three rows of int8 weights by the same inputs: see rows.h. Inputs of 16 bits: 28 instructions for 24 products, of 8 bits
 * 33; 43 for three outputs.
 *
 * Weights that nobody has repacked can't do with less. A SMLAD takes two products, and its operand can't be a word of the
 * file: a halfword of it is 256 b + a with a's bits read without a sign, and that is no linear function of a and b. So of
 * four weights two words must be made, in two instructions, for two SMLAD: one instruction for each product. What packed
 * weights save of it (matrix1.S) is one of these two. Three rows is what the registers have room for.
 *
 * Registers: r0 inputs, r1 to r3 rows, r4 to r7 eight inputs, r8 and r9 eight weights, r10 what is taken out of them,
 * r11 r12 lr sums.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"

#define INPUTS 0
#define BIAS 4
#define OUTPUT 8
#define FRAME_BYTES 48 /* arguments lie behind it */
#define WIDE (FRAME_BYTES + 0)
#define WHOLE_END (FRAME_BYTES + 4)
#define WIDE_END (FRAME_BYTES + 8)
#define NARROW (FRAME_BYTES + 12)
#define NARROW_WHOLE_END (FRAME_BYTES + 16)
#define NARROW_END (FRAME_BYTES + 20)
#define ZEROS (FRAME_BYTES + 24)
#define OUTPUT_END (FRAME_BYTES + 28)
#define FACTOR (FRAME_BYTES + 32)
#define OFFSET (FRAME_BYTES + 40)

.syntax unified
.thumb

.macro row_of_eight row, sum
  ldrd r8, r9, [\row], #8
  sxtb16 r10, r8, ror #8
  sxtb16 r8, r8
  smlad \sum, r10, r5, \sum
  smlad \sum, r8, r4, \sum
  sxtb16 r10, r9, ror #8
  sxtb16 r9, r9
  smlad \sum, r10, r7, \sum
  smlad \sum, r9, r6, \sum
.endm

.macro rows_of_eight
  row_of_eight r1, r11
  row_of_eight r2, r12
  row_of_eight r3, lr
.endm

.macro eight_wide
  ldm r0!, {r4-r7}
  rows_of_eight
.endm

.macro eight_narrow
  ldrd r4, r6, [r0], #8
  ldr r10, [sp, #ZEROS]
  sxtab16 r5, r10, r4, ror #8
  sxtab16 r4, r10, r4
  sxtab16 r7, r10, r6, ror #8
  sxtab16 r6, r10, r6
  rows_of_eight
.endm

.macro output_of sum
  ssat \sum, #30, \sum
  requantise \sum, r4, r5, r6
  strb \sum, [r0], #1
.endm

.section .text.tinynn_rows3_dsp, "ax", %progbits
.balign 4
.global tinynn_rows3_dsp
.type tinynn_rows3_dsp, %function
.thumb_func
tinynn_rows3_dsp:
  push {r1-r11, lr}
  mov r3, r0
next_rows:
  mov r1, r3 /* rows lie one behind the other */
  ldrd r10, r0, [sp, #INPUTS]
  add r2, r1, r10
  add r3, r2, r10
  ldm r0!, {r11, r12, lr}
  str r0, [sp, #BIAS]
  ldrd r0, r10, [sp, #WIDE]
  cmp r0, r10
  beq rest
whole:
  .rept 8
  eight_wide
  .endr
  ldr r10, [sp, #WHOLE_END]
  cmp r0, r10
  bne whole
rest:
  ldr r10, [sp, #WIDE_END]
  cmp r0, r10
  beq narrow
eights:
  eight_wide
  ldr r10, [sp, #WIDE_END]
  cmp r0, r10
  bne eights
narrow:
  ldrd r0, r10, [sp, #NARROW]
  cmp r0, r10
  beq narrow_rest
narrow_whole:
  .rept 4
  eight_narrow
  .endr
  ldr r10, [sp, #NARROW_WHOLE_END]
  cmp r0, r10
  bne narrow_whole
narrow_rest:
  ldr r10, [sp, #NARROW_END]
  cmp r0, r10
  beq summed
narrow_eights:
  eight_narrow
  ldr r10, [sp, #NARROW_END]
  cmp r0, r10
  bne narrow_eights
summed:
  ldrd r4, r5, [sp, #FACTOR]
  ldr r6, [sp, #OFFSET]
  ldr r0, [sp, #OUTPUT]
  output_of r11
  output_of r12
  output_of lr
  str r0, [sp, #OUTPUT]
  ldr r10, [sp, #OUTPUT_END]
  cmp r0, r10
  bne next_rows
  pop {r1-r11, pc}
.size tinynn_rows3_dsp, . - tinynn_rows3_dsp
#endif
