/* Three pixels by pairs of output channels, weights of 16 bits: see conv2d_wide.c. 16 instructions for 24 products.
 *
 * Registers of the inner loop: r0 activations, r1 weights, r2 count, r3-r5 two activations of each pixel, r6-r7
 * weights, r8-r10 sums of a for each pixel, r11 r12 lr sums of b.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"

#define CHANNELS 0
#define X 4
#define OUTPUT 8
#define PITCH 12
#define EIGHTS 16
#define HAS_ODD_GROUP 20
#define BLOCKS 24
#define ZERO 28
#define FRAME_BYTES 36 /* with nine saved registers, a multiple of 8 */

.syntax unified
.thumb

.macro two_products
  ldm r0!, {r3-r5}
  ldrd r6, r7, [r1], #8
  smlad r8, r3, r6, r8
  smlad r9, r4, r6, r9
  smlad r10, r5, r6, r10
  smlad r11, r3, r7, r11
  smlad r12, r4, r7, r12
  smlad lr, r5, r7, lr
.endm

.macro four_products
  two_products
  two_products
.endm

.section .text.tinynn_matrix3_wide_dsp, "ax", %progbits
.balign 4
.global tinynn_matrix3_wide_dsp
.type tinynn_matrix3_wide_dsp, %function
.thumb_func
tinynn_matrix3_wide_dsp:
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r0!, {r1-r5} /* weights, channels, x, output, pitch */
  ldm r0, {r6-r8}  /* groups, blocks, zero */
  lsr r9, r6, #1
  and r10, r6, #1
  stm sp, {r2-r5, r9, r10}
  strd r7, r8, [sp, #BLOCKS]

next_pair:
  ldr r2, [sp, #CHANNELS]
  ldr r8, [r2] /* biases */
  ldr r11, [r2, #12]
  mov r9, r8
  mov r10, r8
  mov r12, r11
  mov lr, r11
  ldr r0, [sp, #X]
  ldrd r2, r3, [sp, #EIGHTS]
  cmp r2, #0
  beq odd_group
eight_products:
  four_products
  four_products
  subs r2, r2, #1
  bne eight_products
  ldr r3, [sp, #HAS_ODD_GROUP]
odd_group:
  cmp r3, #0
  beq summed
  four_products
summed:
  ldr r2, [sp, #CHANNELS]
  ldr r7, [sp, #ZERO]
  ldm r2!, {r3-r5} /* bias, factor, shift of a */
  lsl r6, r7, r5
  requantise r8, r4, r5, r6
  requantise r9, r4, r5, r6
  requantise r10, r4, r5, r6
  ldm r2!, {r3-r5} /* those of b */
  lsl r6, r7, r5
  requantise r11, r4, r5, r6
  requantise r12, r4, r5, r6
  requantise lr, r4, r5, r6
  str r2, [sp, #CHANNELS]
  ldrd r2, r3, [sp, #OUTPUT]
  strb r11, [r2, #1]
  strb r8, [r2], #2
  str r2, [sp, #OUTPUT]
  add r2, r2, r3
  strb r9, [r2, #-2]
  strb r12, [r2, #-1]
  add r2, r2, r3
  strb r10, [r2, #-2]
  strb lr, [r2, #-1]
  ldr r2, [sp, #BLOCKS]
  subs r2, r2, #1
  str r2, [sp, #BLOCKS]
  bne next_pair

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
.size tinynn_matrix3_wide_dsp, . - tinynn_matrix3_wide_dsp
#endif
