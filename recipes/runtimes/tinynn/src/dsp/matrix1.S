/* One row by fours of outputs: see matrix.h. 16 instructions for 16 products, 20 of int4.
 *
 * Registers of the inner loop: r0 activations, r1 weights, r2 count, r3-r4 four activations, r5-r8 weights,
 * r9 and r11 sums of 256 a + b for each pair, r10 and r12 sums of b.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/function.inc"

#define CHANNELS 0
#define X 4
#define OUTPUT 8
#define EXCESS 12
#define GROUPS 16
#define BLOCKS 20
#define ZERO 24
#define FRAME_BYTES 28 /* with nine saved registers, a multiple of 8 */

.macro pair_products sum_ab, sum_b, weights0, weights1
  smlad \sum_ab, r3, \weights0, \sum_ab
  smlad \sum_ab, r4, \weights1, \sum_ab
  sxtb16 \weights0, \weights0
  sxtb16 \weights1, \weights1
  smlad \sum_b, r3, \weights0, \sum_b
  smlad \sum_b, r4, \weights1, \sum_b
.endm

.macro four_products
  ldr r3, [r0], #4
  ldm r1!, {r5-r8}
  sxtb16 r4, r3, ror #8
  sxtb16 r3, r3
  pair_products r9, r10, r5, r6
  pair_products r11, r12, r7, r8
.endm

/* The same of four bits, unpacked by the mask in lr: a word has eight, and so four bytes in each half. */
.macro four_int4_products
  ldr r3, [r0], #4
  ldm r1!, {r6, r8}
  sxtb16 r4, r3, ror #8
  sxtb16 r3, r3
  and r5, lr, r6
  and r6, lr, r6, lsr #4
  and r7, lr, r8
  and r8, lr, r8, lsr #4
  pair_products r9, r10, r5, r6
  pair_products r11, r12, r7, r8
.endm

/* Both channels of a pair, from the records at r2. */
.macro store_pair sum_ab, sum_b
  sub \sum_ab, \sum_ab, \sum_b
  ldm r2!, {r3-r5}
  lsl r6, lr, r5
  add \sum_ab, r3, \sum_ab, asr #8
  requantise \sum_ab, r4, r5, r6
  strb \sum_ab, [r0], #1
  ldm r2!, {r3-r5}
  lsl r6, lr, r5
  requantise \sum_b, r4, r5, r6
  strb \sum_b, [r0], #1
.endm

.macro matrix1 name, products
function \name
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r0!, {r1-r5} /* weights, channels, x, output, pitch */
  ldm r0, {r6-r8}  /* groups, blocks, zero */
  stm sp, {r2-r8}

next_four\@:
  ldr r2, [sp, #CHANNELS]
  ldr r9, [r2, #12] /* biases of b; they leave the differences again */
  ldr r11, [r2, #36]
.ifc \products, four_int4_products
  ldr lr, [sp, #EXCESS]
  sub r10, r9, lr
  sub r12, r11, lr
  sub r9, r10, lr, lsl #8 /* 8 more for each of b, 256 * 8 for each of a */
  sub r11, r12, lr, lsl #8
  mov lr, #0x0f0f0f0f
.else
  mov r10, r9
  mov r12, r11
.endif
  ldr r0, [sp, #X]
  ldr r2, [sp, #GROUPS]
  lsrs r2, r2, #1
  beq odd_group\@
eight_products\@:
  \products
  \products
  subs r2, r2, #1
  bne eight_products\@
odd_group\@:
  ldr r2, [sp, #GROUPS]
  lsls r2, r2, #31
  beq summed\@
  \products
summed\@:
  ldr r2, [sp, #CHANNELS]
  ldr r0, [sp, #OUTPUT]
  ldr lr, [sp, #ZERO]
  store_pair r9, r10
  store_pair r11, r12
  str r2, [sp, #CHANNELS]
  str r0, [sp, #OUTPUT]
  ldr r2, [sp, #BLOCKS]
  subs r2, r2, #1
  str r2, [sp, #BLOCKS]
  bne next_four\@

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end \name
.endm

  matrix1 tinynn_matrix1_dsp, four_products
  matrix1 tinynn_matrix1_int4_dsp, four_int4_products
#endif
