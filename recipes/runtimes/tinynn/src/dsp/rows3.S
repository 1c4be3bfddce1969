/* Three rows of int8 weights by the same inputs: see rows.h. Inputs of 16 bits: 28 instructions for 24 products, of 8 bits
 * 33; 40 for three outputs.
 *
 * Weights that are not repacked can't be multiplied in fewer. A SMLAD takes two products, and its operand can't be a word of the
 * file: a halfword of it is 256 b + a with a's bits read without a sign, and that is not a linear function of a and b. So of
 * four weights two words must be made, in two instructions, for two SMLAD: one instruction for each product. What packed
 * weights save of it (matrix1.S) is one of these two. Three rows is what the registers have room for.
 *
 * Registers: r0 inputs, r1 to r3 rows, r4 to r7 eight inputs, r8 and r9 eight weights, r10 what is taken out of them,
 * r11 r12 lr sums.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/dsp/row_of_eight.inc"
#include "tinynn/function.inc"

/* struct tinynn_rows */
#define P_WEIGHTS 0
#define P_BIAS 4
#define P_CHANNELS 8
#define P_INPUTS 20
#define P_OUTPUTS 24
#define P_INPUT_ZERO_POINT 28
#define P_OUTPUT_ZERO_POINT 32
#define P_LOWEST 36
#define P_WIDENED 44

/* Inputs of 16 bits: in whole 64, the others; of 8 bits: in whole 32, the others. */
#define INPUTS 0
#define BIAS 4
#define OUTPUT 8
#define OUTPUT_END 12
#define WIDE 16
#define WHOLE_END 20
#define WIDE_END 24
#define NARROW 28
#define NARROW_WHOLE_END 32
#define NARROW_END 36
#define ZEROS 40
#define FACTOR 44
#define SHIFT 48
#define OFFSET 52
#define P 56
#define OTHERS 60 /* 0: all inputs are of 16 bits, in whole 64 */
#define FRAME_BYTES 68 /* with nine saved registers, a multiple of 8 */

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

function tinynn_rows3_dsp
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  str r0, [sp, #P]
  ldr r4, [r0, #P_INPUTS]
  ldr r5, [r0, #P_BIAS]
  strd r4, r5, [sp, #INPUTS]
  ldr r6, [r0, #P_OUTPUTS]
  movs r7, #3
  udiv r8, r6, r7
  mla r9, r8, r7, r2
  strd r2, r9, [sp, #OUTPUT]
  ldr r10, [r0, #P_WIDENED]
  cmp r10, r4
  it gt
  movgt r10, r4
  bic r12, r10, #63
  add r12, r3, r12, lsl #1
  strd r3, r12, [sp, #WIDE]
  add r11, r3, r10, lsl #1
  str r11, [sp, #WIDE_END]
  add r1, r1, r10
  sub r4, r4, r10
  sub r5, r11, r12
  add r5, r5, r4
  str r5, [sp, #OTHERS]
  bic r5, r4, #31
  add r5, r5, r1
  strd r1, r5, [sp, #NARROW]
  add r4, r4, r1
  str r4, [sp, #NARROW_END]
  ldr r5, [r0, #P_INPUT_ZERO_POINT]
  rsbs r5, r5, #0
  pkhbt r5, r5, r5, lsl #16
  str r5, [sp, #ZEROS]
  ldr r6, [r0, #P_CHANNELS]
  ldrd r6, r7, [r6, #4]
  strd r6, r7, [sp, #FACTOR]
  ldr r5, [r0, #P_OUTPUT_ZERO_POINT]
  lsls r5, r5, #1
  adds r5, r5, #1
  lsls r5, r5, r7
  str r5, [sp, #OFFSET]
  ldr r3, [r0, #P_WEIGHTS]
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
  ldr r10, [sp, #OTHERS]
  cmp r10, #0
  beq summed
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
  /* the last three once more, where their number isn't a multiple of three */
  ldr r4, [sp, #P]
  ldr r5, [r4, #P_WEIGHTS]
  ldrd r6, r7, [r4, #P_INPUTS]
  mla r5, r6, r7, r5
  subs r5, r5, r3
  beq clamp
  udiv r5, r5, r6
  rsb r5, r5, #3
  ldr r7, [sp, #BIAS]
  mls r3, r5, r6, r3
  sub r7, r7, r5, lsl #2
  str r7, [sp, #BIAS]
  sub r0, r0, r5
  add r10, r0, #3
  strd r0, r10, [sp, #OUTPUT]
  b next_rows
clamp:
  ldr r1, [r4, #P_OUTPUTS]
  subs r0, r0, r1
  ldrd r2, r3, [r4, #P_LOWEST]
  add sp, sp, #FRAME_BYTES
  pop {r4-r11, lr}
  cmn r2, #128
  it eq
  cmpeq r3, #127
  bne tinynn_clamp_dsp
  bx lr
end tinynn_rows3_dsp
#endif
