/* One row by eights of outputs, one scale for all: see matrix.h. 31 instructions for 32 products, of an output 8 more, 6 in
 * the short form.
 *
 * Pairs of outputs a, b as in matrix.h; of each eight for each group of four products the words of all four pairs. What sums of
 * 256 * a + b begin at is in front of the weights. Before them of the long form: 256 * bias of a + bias of b of all pairs, biases of b;
 * of the short one offsets of a, and behind them multiplier, what is added, offsets of b.
 *
 * Registers of the inner loop: r0 activations, r1 weights, r2-r3 four activations, r4-r5 weights, r6-r9 sums of 256 * a + b for
 * each pair, r10-r12 lr sums of b.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/dsp/short.inc"
#include "tinynn/function.inc"

#define X 0 /* and its end */
#define ENTRY 8
#define OUTPUT 12
#define END 16 /* of the output */
#define FACTOR 20 /* and shift, offset: read together */
#define FRAME_BYTES 36 /* with nine saved registers, a multiple of 8 */
#define FRACTION_BITS 9

.macro pair_products sum_ab, sum_b
  ldrd r4, r5, [r1], #8
  smlad \sum_ab, r2, r4, \sum_ab
  smlad \sum_ab, r3, r5, \sum_ab
  sxtb16 r4, r4
  sxtb16 r5, r5
  smlad \sum_b, r2, r4, \sum_b
  smlad \sum_b, r3, r5, \sum_b
.endm

.macro four_products
  ldr r2, [r0], #4
  sxtb16 r3, r2, ror #8
  sxtb16 r2, r2
  pair_products r6, r10
  pair_products r7, r11
  pair_products r8, r12
  pair_products r9, lr
.endm

.macro begin_long
  ldm r1!, {r6-r12, lr}
.endm

.macro pair_long sum_ab, sum_b
  sub \sum_ab, \sum_ab, \sum_b
  asr \sum_ab, \sum_ab, #8
  requantise \sum_ab, r2, r3, r4
  strb \sum_ab, [r0], #1
  requantise \sum_b, r2, r3, r4
  strb \sum_b, [r0], #1
.endm

.macro finish_long
  add r4, sp, #FACTOR
  ldm r4, {r2-r4}
  pair_long r6, r10
  pair_long r7, r11
  pair_long r8, r12
  pair_long r9, lr
.endm

.macro begin_short
  ldm r1!, {r6-r9}
  movs r2, #0
  mov r10, r2
  mov r11, r2
  mov r12, r2
  mov lr, r2
.endm

.macro pair_short sum_ab, sum_b, offset
  sub \sum_ab, \sum_ab, \sum_b
  add \sum_b, \offset, \sum_b, lsl #8
  short_form \sum_ab, r2, r3, FRACTION_BITS
  short_form \sum_b, r2, r3, FRACTION_BITS
  strb \sum_ab, [r0], #1
  strb \sum_b, [r0], #1
.endm

.macro finish_short
  ldm r1!, {r2-r5}
  pair_short r6, r10, r4
  pair_short r7, r11, r5
  ldrd r4, r5, [r1], #8
  pair_short r8, r12, r4
  pair_short r9, lr, r5
.endm

.macro matrix8 name, begin, finish
function \name
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r0!, {r1-r5}  /* weights, channels, x, output, pitch */
  ldm r0, {r5, r6, r7} /* groups, blocks, zero */
  add r8, r3, r5, lsl #2
  strd r3, r8, [sp, #X]
  add r6, r4, r6, lsl #3
  strd r4, r6, [sp, #OUTPUT]
.ifc \begin, begin_long
  ldrd r9, r10, [r2, #4]
  lsl r11, r7, r10
  strd r9, r10, [sp, #FACTOR]
  str r11, [sp, #FACTOR + 8]
.endif
  and r9, r5, #3
  adr r10, entries\@
  ldr r10, [r10, r9, lsl #2]
  str r10, [sp, #ENTRY]

next_eight\@:
  \begin
  ldr r0, [sp, #X]
  ldr pc, [sp, #ENTRY]
four_groups\@:
  four_products
three_groups\@:
  four_products
two_groups\@:
  four_products
one_group\@:
  four_products
  ldr r4, [sp, #X + 4]
  cmp r0, r4
  bne four_groups\@
  ldr r0, [sp, #OUTPUT]
  \finish
  ldr r2, [sp, #END]
  str r0, [sp, #OUTPUT]
  cmp r0, r2
  bne next_eight\@

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}

  .balign 4
entries\@: /* by groups modulo 4 */
  .word four_groups\@ + 1
  .word one_group\@ + 1
  .word two_groups\@ + 1
  .word three_groups\@ + 1
end \name
.endm

matrix8 tinynn_matrix8_dsp, begin_long, finish_long
matrix8 tinynn_matrix8_short_dsp, begin_short, finish_short
#endif
