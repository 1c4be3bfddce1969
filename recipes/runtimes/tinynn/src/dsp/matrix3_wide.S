/* Three pixels by pairs of output channels, weights of 16 bits: see conv2d_wide.c. 16 instructions for 24 products.
 *
 * Registers of the inner loop: r0 activations, r1 weights, r2 count, r3-r5 two activations of each pixel, r6-r7 weights,
 * r8-r10 sums of a for each pixel, r11 r12 lr sums of b.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/function.inc"

#define CHANNELS 0
#define X 4
#define OUTPUT 8
#define PITCH 12
#define EIGHTS 16 /* the last of them may be a four */
#define HAS_ODD_GROUP 20
#define END 24 /* of the weights */
                 /* and twice the zero point, plus 1 */
#define FRAME_BYTES 36 /* with nine saved registers, a multiple of 8 */

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

function tinynn_matrix3_wide_dsp
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r0!, {r1-r5} /* weights, channels, x, output, pitch */
  ldm r0, {r6-r8}  /* groups, blocks, zero */
  and r10, r6, #1
  add r9, r10, r6, lsr #1
  stm sp, {r2-r5, r9, r10}
  mul r6, r6, r7
  add r7, r1, r6, lsl #4
  strd r7, r8, [sp, #END]

next_pair: /* r2: channels */
  ldr r8, [r2] /* biases */
  ldr r11, [r2, #12]
  mov r9, r8
  mov r10, r8
  mov r12, r11
  mov lr, r11
  ldr r0, [sp, #X]
  ldrd r2, r3, [sp, #EIGHTS]
  cmp r3, #0
  bne odd_group
eight_products:
  four_products
odd_group:
  four_products
  subs r2, r2, #1
  bne eight_products

  ldr r2, [sp, #CHANNELS]
  ldrd r0, r7, [sp, #END]
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
  ldrd r3, r4, [sp, #OUTPUT]
  bfi r8, r11, #8, #8
  bfi r9, r12, #8, #8
  bfi r10, lr, #8, #8
  strh r9, [r3, r4]
  strh r10, [r3, r4, lsl #1]
  strh r8, [r3], #2
  str r3, [sp, #OUTPUT]
  cmp r1, r0
  bne next_pair

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end tinynn_matrix3_wide_dsp
#endif
