/* Three pixels by pairs of output channels a, b, requantised in the short form (short.inc): 17 instructions for
 * 24 products, 32 for six outputs.
 *
 * Weights as in matrix.h, between records of each pair: offset of a; the pair's weights; multiplier of a, what is added, offset
 * and multiplier of b. Sums of 256 * a + b begin at a's offset, those of b at 0.
 *
 * Registers of the inner loop: r0 activations, r1 weights, r2 count, r3-r5 two activations of each pixel, r6-r7 weights,
 * r8-r10 sums of 256 * a + b for each pixel, r11 r12 lr sums of b.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/short.inc"
#include "tinynn/function.inc"

#define OUTPUT 0 /* and pitch, end of the weights: read together */
#define X 12     /* and rounds of four groups, the first of which may be shorter */
#define ENTRY 20
#define FRAME_BYTES 28 /* with nine saved registers, a multiple of 8 */
#define FRACTION_BITS 11

.macro two_products weights
  ldm r0!, {r3-r5}
  smlad r8, r3, \weights, r8
  smlad r9, r4, \weights, r9
  smlad r10, r5, \weights, r10
  sxtb16 \weights, \weights
  smlad r11, r3, \weights, r11
  smlad r12, r4, \weights, r12
  smlad lr, r5, \weights, lr
.endm

.macro four_products
  ldrd r6, r7, [r1], #8
  two_products r6
  two_products r7
.endm

function tinynn_matrix3_short_dsp
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r0!, {r1-r5}  /* weights, channels, x, output, pitch */
  ldm r0, {r6, r7}  /* groups, blocks */
  lsls r8, r6, #3
  adds r8, r8, #20
  mla r8, r8, r7, r1
  strd r4, r5, [sp, #OUTPUT]
  strd r8, r3, [sp, #OUTPUT + 8]
  adds r9, r6, #2 /* all but one group, by fours */
  lsrs r9, r9, #2
  ands r10, r6, #3
  cmp r6, #1
  it eq
  moveq r10, #4
  adr r11, entries
  ldr r11, [r11, r10, lsl #2]
  strd r9, r11, [sp, #X + 4]

next_pair:
  ldr lr, [r1], #4
  ldrd r0, r2, [sp, #X]
  ldrd r6, r7, [r1], #8
  ldm r0!, {r3-r5}
  smlad r8, r3, r6, lr
  smlad r9, r4, r6, lr
  smlad r10, r5, r6, lr
  sxtb16 r6, r6
  smuad r11, r3, r6
  smuad r12, r4, r6
  smuad lr, r5, r6
  two_products r7
  ldr pc, [sp, #ENTRY]
four_groups:
  four_products
three_groups:
  four_products
two_groups:
  four_products
one_group:
  four_products
  subs r2, r2, #1
  bne four_groups
summed:
  ldm r1!, {r3-r6}
  sub r8, r8, r11
  sub r9, r9, r12
  sub r10, r10, lr
  short_form r8, r3, r4, FRACTION_BITS
  short_form r9, r3, r4, FRACTION_BITS
  short_form r10, r3, r4, FRACTION_BITS
  add r11, r5, r11, lsl #8
  add r12, r5, r12, lsl #8
  add lr, r5, lr, lsl #8
  short_form r11, r6, r4, FRACTION_BITS
  short_form r12, r6, r4, FRACTION_BITS
  short_form lr, r6, r4, FRACTION_BITS
  ldm sp, {r2, r3, r7}
  bfi r8, r11, #8, #8
  bfi r9, r12, #8, #8
  bfi r10, lr, #8, #8
  strh r9, [r2, r3]
  strh r10, [r2, r3, lsl #1]
  strh r8, [r2], #2
  str r2, [sp, #OUTPUT]
  cmp r1, r7
  bne next_pair

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}

  .balign 4
entries: /* by groups modulo 4, one of which is done before; of that one alone */
  .word three_groups + 1
  .word four_groups + 1
  .word one_group + 1
  .word two_groups + 1
  .word summed + 1
end tinynn_matrix3_short_dsp
#endif
