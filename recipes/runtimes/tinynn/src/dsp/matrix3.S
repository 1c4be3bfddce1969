/* Three pixels by pairs of output channels: see tinynn/dsp/matrix.h. 57 instructions for six outputs beyond their products
 * (three_pixels.inc).
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/dsp/three_pixels.inc"
#include "tinynn/function.inc"

#define X 0 /* and rounds */
#define ENTRY 8
#define CHANNELS 12
#define OUTPUT 16 /* and pitch */
#define END 24    /* of the weights, and twice the zero point, plus 1 */
#define FRAME_BYTES 36 /* with nine saved registers, a multiple of 8 */

function tinynn_matrix3_dsp
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r0!, {r1-r5} /* weights, channels, x, output, pitch */
  ldm r0, {r6-r8}  /* groups, blocks, zero */
  str r3, [sp, #X]
  strd r4, r5, [sp, #OUTPUT]
  rounds_of r6, r9, r11, r10
  strd r9, r11, [sp, #X + 4]
  mul r6, r6, r7
  add r7, r1, r6, lsl #3
  strd r7, r8, [sp, #END]

next_pair: /* r2: channels */
  str r2, [sp, #CHANNELS]
  ldr lr, [r2, #12] /* bias of b; it leaves the difference again */
  ldrd r0, r2, [sp, #X]
  all_groups ENTRY, 0
  ldr r2, [sp, #CHANNELS]
  ldrd r0, r7, [sp, #END]
  sub r8, r8, r11
  sub r9, r9, r12
  sub r10, r10, lr
  ldm r2!, {r3-r5} /* bias, factor, shift of a */
  lsl r6, r7, r5
  add r8, r3, r8, asr #8
  add r9, r3, r9, asr #8
  add r10, r3, r10, asr #8
  requantise r8, r4, r5, r6
  requantise r9, r4, r5, r6
  requantise r10, r4, r5, r6
  ldm r2!, {r3-r5} /* those of b */
  lsl r6, r7, r5
  requantise r11, r4, r5, r6
  requantise r12, r4, r5, r6
  requantise lr, r4, r5, r6
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

  entries_of_rounds
end tinynn_matrix3_dsp
#endif
