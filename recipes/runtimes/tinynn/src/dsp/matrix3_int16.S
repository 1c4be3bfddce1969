/* Three pixels of int16 activations by pairs of output channels a and b: see tinynn/dsp/matrix.h.
 *
 * void tinynn_matrix3_int16_dsp(const struct tinynn_matrix *matrix)
 *
 * Registers of the inner loop: r0 activations, r1 weights, r3-r5 two activations of each pixel, r6 r7 four weights of
 * each channel, r2 two of them widened; sums of a for each pixel r8-r10, of b r11 r12 lr.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/function.inc"

#define X 0
#define EIGHTS_BYTES 4 /* of the weights of a pair, without an odd group */
#define CHANNELS 8
#define OUTPUT 12
#define PITCH 16
#define HAS_ODD_GROUP 20
#define BLOCKS 24
#define END 28
#define HAS_RELU 32
#define FRAME_BYTES 36 /* with nine saved registers, a multiple of 8 */

.macro two_products widened_a, widened_b
  ldm r0!, {r3-r5}
  \widened_a
  smlad r8, r3, r2, r8
  smlad r9, r4, r2, r9
  smlad r10, r5, r2, r10
  \widened_b
  smlad r11, r3, r2, r11
  smlad r12, r4, r2, r12
  smlad lr, r5, r2, lr
.endm

.macro four_products
  ldrd r6, r7, [r1], #8
  two_products "sxtb16 r2, r6", "sxtb16 r2, r7"
  two_products "sxtb16 r2, r6, ror #8", "sxtb16 r2, r7, ror #8"
.endm

/* The high word of the sum's product with `factor`, times 2^-shift, rounded by the last bit that goes, saturated. */
.macro rescale acc, factor, shift
  smmul \acc, \acc, \factor
  asrs \acc, \acc, \shift
  adc \acc, \acc, #0
  ssat \acc, #16, \acc
.endm

function tinynn_matrix3_int16_dsp
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r0!, {r1-r5} /* weights, channels, x, output, pitch */
  ldm r0, {r6-r8} /* groups, blocks, has_relu */
  str r8, [sp, #HAS_RELU]
  strd r2, r4, [sp, #CHANNELS]
  str r5, [sp, #PITCH]
  and r8, r6, #1
  lsr r6, r6, #1
  lsl r4, r6, #4
  strd r3, r4, [sp, #X]
  strd r8, r7, [sp, #HAS_ODD_GROUP]

next_pair:
  ldr r2, [sp, #CHANNELS]
  ldrd r0, r3, [sp, #X]
  ldr r8, [r2] /* biases */
  ldr r11, [r2, #12]
  mov r9, r8
  mov r10, r8
  mov r12, r11
  mov lr, r11
  add r3, r1, r3
  cmp r1, r3
  beq odd_group
  str r3, [sp, #END]
eight_products:
  four_products
  four_products
  ldr r3, [sp, #END]
  cmp r1, r3
  bne eight_products
odd_group:
  ldr r3, [sp, #HAS_ODD_GROUP]
  cmp r3, #0
  beq summed
  four_products
summed:
  ldr r2, [sp, #CHANNELS]
  ldm r2!, {r3-r5} /* bias, factor, shift of a */
  rescale r8, r4, r5
  rescale r9, r4, r5
  rescale r10, r4, r5
  ldm r2!, {r3-r5} /* those of b */
  rescale r11, r4, r5
  rescale r12, r4, r5
  rescale lr, r4, r5
  pkhbt r8, r8, r11, lsl #16
  pkhbt r9, r9, r12, lsl #16
  pkhbt r10, r10, lr, lsl #16
  str r2, [sp, #CHANNELS]
  ldr r2, [sp, #HAS_RELU]
  cbz r2, clamped
  usat16 r8, #15, r8
  usat16 r9, #15, r9
  usat16 r10, #15, r10
clamped:
  ldrd r2, r3, [sp, #OUTPUT]
  add r4, r2, r3
  str r9, [r4]
  str r10, [r4, r3]
  str r8, [r2], #4
  str r2, [sp, #OUTPUT]
  ldr r2, [sp, #BLOCKS]
  subs r2, r2, #1
  str r2, [sp, #BLOCKS]
  bne next_pair

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end tinynn_matrix3_int16_dsp
#endif
