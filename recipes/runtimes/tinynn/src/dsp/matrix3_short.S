/* Three pixels by pairs of output channels a, b, requantised in the short form (short.inc): 32 instructions
 * for six outputs beyond their products (three_pixels.inc).
 *
 * Weights as in matrix.h, between records of each pair: offset of a; the pair's weights; multiplier of a, what is added, offset
 * and multiplier of b. Sums of 256 * a + b begin at a's offset, those of b at 0.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/short.inc"
#include "tinynn/dsp/three_pixels.inc"
#include "tinynn/function.inc"

#define OUTPUT 0 /* and pitch, end of the weights: read together */
#define X 12     /* and rounds */
#define ENTRY 20
#define FRAME_BYTES 28 /* with nine saved registers, a multiple of 8 */
#define FRACTION_BITS 11

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
  rounds_of r6, r9, r11, r10
  strd r9, r11, [sp, #X + 4]

next_pair:
  ldr lr, [r1], #4
  ldrd r0, r2, [sp, #X]
  all_groups ENTRY, 1
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

  entries_of_rounds
end tinynn_matrix3_short_dsp
#endif
