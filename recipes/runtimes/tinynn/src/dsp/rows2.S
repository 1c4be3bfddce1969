/* Two rows of int8 weights by the same inputs: see rows.h. Wide: 39 instructions for 32 products, narrow: 25 for 16; 55
 * for the outputs of a pair.
 *
 * Registers: r0 inputs, r1 and r2 rows, r3 end of the inputs, r4-r7 eight inputs, r8-r10 weights, r11 and r12 sums,
 * lr what is added to inputs.
 */
#if defined(__ARM_FEATURE_DSP)

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
.section .text.\name, "ax", %progbits
.balign 4
.global \name
.type \name, %function
.thumb_func
\name:
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
.size \name, . - \name
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

#define INPUTS 4
#define WIDE 8
#define WHOLE_END 12
#define WIDE_END 16
#define NARROW 20
#define BIAS 28
#define OUTPUT 32
#define PAIRS 36
#define ZEROS 40
#define RIGHT 44

/* The formula of rescale_right.h, after clamping to 30 bits; factor, shift, offset, lowest, highest in r4 to r8. */
.macro output_of sum
  ssat \sum, #30, \sum
  smmlar \sum, \sum, r4, \sum
  add r9, \sum, r6
  add \sum, r9, \sum, asr #31
  asr \sum, \sum, r5
  cmp \sum, r7
  it lt
  movlt \sum, r7
  cmp \sum, r8
  it gt
  movgt \sum, r8
  strb \sum, [r3], #1
.endm

.section .text.tinynn_pairs_dsp, "ax", %progbits
.balign 4
.global tinynn_pairs_dsp
.type tinynn_pairs_dsp, %function
.thumb_func
tinynn_pairs_dsp:
  push {r0, r4-r11, lr}
  ldr r2, [r0]
  ldr lr, [r0, #ZEROS]
next_pair:
  mov r1, r2 /* rows lie one behind the other */
  ldr r3, [r0, #INPUTS]
  add r2, r1, r3
  ldr r3, [r0, #BIAS]
  ldrd r11, r12, [r3], #8
  str r3, [r0, #BIAS]
  ldr r3, [r0, #WHOLE_END]
  ldr r0, [r0, #WIDE]
  cmp r0, r3
  beq rest
whole:
  eight_wide
  eight_wide
  eight_wide
  eight_wide
  cmp r0, r3
  bne whole
rest:
  ldr r3, [sp]
  ldr r3, [r3, #WIDE_END]
  cmp r0, r3
  beq narrow
eights:
  eight_wide
  cmp r0, r3
  bne eights
narrow:
  ldr r3, [sp]
  ldrd r0, r3, [r3, #NARROW]
  cmp r0, r3
  beq summed
narrow_eights:
  eight_narrow
  cmp r0, r3
  bne narrow_eights
summed:
  ldr r0, [sp]
  add r3, r0, #RIGHT
  ldm r3, {r4-r8}
  ldr r3, [r0, #OUTPUT]
  output_of r11
  output_of r12
  str r3, [r0, #OUTPUT]
  ldr r3, [r0, #PAIRS]
  subs r3, r3, #1
  str r3, [r0, #PAIRS]
  bne next_pair
  pop {r0, r4-r11, pc}
.size tinynn_pairs_dsp, . - tinynn_pairs_dsp
#endif
