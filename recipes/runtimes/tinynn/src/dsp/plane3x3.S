/* One channel under 3×3 taps: see plane3x3.h. 18 instructions for an output of 9 products, 20 to copy eight
 * inputs of a channel, 23 for four of each of four channels.
 *
 * Registers of the products: r0 r1 r12 the three rows, r2 r3 (lr) columns 01, 23 (45), r4-r9 taps as (first, second)
 * and (second, third) of each row, r10 r11 the sums of two neighbouring outputs.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/function.inc"

#define FACTOR 0 /* and shift, offset: read together */
#define OUTPUT 12
#define PITCH 16
#define BIAS 20
#define END 24
#define PAIRS_BYTES 28
#define IS_ODD 32
#define HEIGHT 36
#define ROW_REST 40 /* from behind a row's pairs to the next row */
#define FRAME_BYTES 44 /* with nine saved registers, a multiple of 8 */

/* Three taps from \offset on: \first = taps 0 and 1, \second = taps 1 and 2. */
.macro load_taps first, second, offset
  ldr r3, [r1, #\offset]
  sxtb16 \first, r3
  sxtb16 \second, r3, ror #8
  pkhbt r3, \first, \second, lsl #16
  pkhbt \second, \second, \first
  mov \first, r3
.endm

/* A row of two outputs, the second one column behind the first. */
.macro row_of_two_stride1 row, first, second
  ldrd r2, r3, [\row], #4
  smlad r10, r2, \first, r10
  smlatb r11, r2, \first, r11
  smlabt r10, r3, \second, r10
  smlad r11, r3, \second, r11
.endm

/* A row of two outputs, the second one two columns behind the first. */
.macro row_of_two_stride2 row, first, second
  ldrd r2, r3, [\row], #8
  ldr lr, [\row]
  smlad r10, r2, \first, r10
  smlabt r10, r3, \second, r10
  smlad r11, r3, \first, r11
  smlabt r11, lr, \second, r11
.endm

.macro row_of_one row, first, second
  ldrd r2, r3, [\row]
  smlad r10, r2, \first, r10
  smlabt r10, r3, \second, r10
.endm

/* \step: bytes that a pair of outputs moves on, as a shift of the number of outputs. */
.macro plane_function name, row_of_two, step
function \name
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r2, {r3-r5}  /* bias, factor, shift */
  ldm r0, {r6-r12} /* plane, output, pitch, width, height, row bytes, row step */
  ldr lr, [r0, #28]
  lsl lr, lr, r5   /* offset */
  strd r4, r5, [sp, #FACTOR]
  strd lr, r7, [sp, #FACTOR + 8]
  strd r8, r3, [sp, #PITCH]
  str r10, [sp, #HEIGHT]
  and r4, r9, #1
  bic r9, r9, #1
  lsl r9, r9, #\step
  strd r9, r4, [sp, #PAIRS_BYTES]
  sub r12, r12, r9
  str r12, [sp, #ROW_REST]
  mov r0, r6
  load_taps r4, r5, 0
  load_taps r6, r7, 3
  load_taps r8, r9, 6
  add r1, r0, r11
  add r12, r1, r11

1: /* next row */
  ldr r2, [sp, #PAIRS_BYTES]
  add r2, r2, r0
  str r2, [sp, #END]
  cmp r0, r2
  beq 3f
2: /* next pair */
  ldr r10, [sp, #BIAS]
  mov r11, r10
  \row_of_two r0, r4, r5
  \row_of_two r1, r6, r7
  \row_of_two r12, r8, r9
  ldm sp, {r2, r3, lr} /* factor, shift, offset */
  requantise r10, r2, r3, lr
  requantise r11, r2, r3, lr
  ldrd r2, lr, [sp, #OUTPUT]
  ldr r3, [sp, #END]
  strb r10, [r2]
  strb r11, [r2, lr]
  add r2, r2, lr, lsl #1
  str r2, [sp, #OUTPUT]
  cmp r0, r3
  bne 2b
3: /* the odd output at a row's end */
  ldr r2, [sp, #IS_ODD]
  cmp r2, #0
  beq 4f
  ldr r10, [sp, #BIAS]
  row_of_one r0, r4, r5
  row_of_one r1, r6, r7
  row_of_one r12, r8, r9
  ldm sp, {r2, r3, lr}
  requantise r10, r2, r3, lr
  ldrd r2, lr, [sp, #OUTPUT]
  strb r10, [r2]
  add r2, r2, lr
  str r2, [sp, #OUTPUT]
4:
  ldrd r2, r3, [sp, #HEIGHT]
  add r0, r0, r3
  add r1, r1, r3
  add r12, r12, r3
  subs r2, r2, #1
  str r2, [sp, #HEIGHT]
  bne 1b

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end \name
.endm

plane_function tinynn_plane3x3_stride1_dsp, row_of_two_stride1, 1
plane_function tinynn_plane3x3_stride2_dsp, row_of_two_stride2, 2

.macro copy_four
  ldrsb r6, [r1]
  ldrsb r7, [r1, r2]
  ldrsb r8, [r1, r2, lsl #1]
  ldrsb r9, [r1, lr]
  add r1, r1, r2, lsl #2
  strh r6, [r0], #8
  strh r7, [r0, #-6]
  strh r8, [r0, #-4]
  strh r9, [r0, #-2]
.endm

function tinynn_plane3x3_copy_dsp
  push {r4-r10, lr}
  ldrd r12, r4, [sp, #32] /* height, to_rest_bytes */
  ldr r5, [sp, #40]       /* from_rest_bytes */
  add lr, r2, r2, lsl #1
5: /* next row */
  subs r10, r3, #4
  blt 8f
  subs r10, r10, #4
  blt 7f
6: /* next eight */
  copy_four
  copy_four
  subs r10, r10, #8
  bge 6b
  adds r10, r10, #4
  blt 8f
  subs r10, r10, #4
7: /* four more */
  copy_four
8: /* one to three more */
  adds r10, r10, #4
  beq 10f
9:
  ldrsb r6, [r1]
  add r1, r1, r2
  strh r6, [r0], #2
  subs r10, r10, #1
  bne 9b
10:
  add r0, r0, r4
  add r1, r1, r5
  subs r12, r12, #1
  bne 5b
  pop {r4-r10, pc}
end tinynn_plane3x3_copy_dsp

/* A column of four channels. */
.macro fours_of_one
  ldr r4, [r1]
  add r1, r1, r2
  sxtb16 r5, r4
  sxtb16 r6, r4, ror #8
  strh r5, [r0], #2
  strh r6, [r10], #2
  asr r5, r5, #16
  asr r6, r6, #16
  strh r5, [r11], #2
  strh r6, [r12], #2
.endm

.macro fours_of_two
  ldr r4, [r1]
  ldr r5, [r1, r2]
  add r1, r1, r2, lsl #1
  pkhbt r6, r4, r5, lsl #16
  pkhtb r5, r5, r4, asr #16
  sxtb16 r4, r6
  sxtb16 r6, r6, ror #8
  str r4, [r0], #4
  str r6, [r10], #4
  sxtb16 r4, r5
  sxtb16 r5, r5, ror #8
  str r4, [r11], #4
  str r5, [r12], #4
.endm

.macro fours_of_four
  ldr r4, [r1]
  ldr r5, [r1, r2]
  ldr r6, [r1, r2, lsl #1]
  ldr r7, [r1, r3]
  add r1, r1, r2, lsl #2
  pkhbt r8, r4, r5, lsl #16
  pkhtb r5, r5, r4, asr #16
  pkhbt r9, r6, r7, lsl #16
  pkhtb r7, r7, r6, asr #16
  sxtb16 r4, r8
  sxtb16 r6, r9
  strd r4, r6, [r0], #8
  sxtb16 r8, r8, ror #8
  sxtb16 r9, r9, ror #8
  strd r8, r9, [r10], #8
  sxtb16 r4, r5
  sxtb16 r6, r7
  strd r4, r6, [r11], #8
  sxtb16 r5, r5, ror #8
  sxtb16 r7, r7, ror #8
  strd r5, r7, [r12], #8
.endm

/* Registers: r0 r10 r11 r12 the four planes, r1 input, r2 r3 one and three pixels of it, r4-r9 values, lr columns. */
#define WIDTH 0 /* as a row begins with whole words, and whether it does */
#define ROWS 8
#define REST 48 /* of the planes, of the input, and the bytes of a plane: behind saved registers */
function tinynn_plane3x3_copy_fours_dsp
  push {r4-r11, lr}
  sub sp, sp, #12
  ldr r4, [sp, #REST]     /* height */
  ldr r5, [sp, #REST + 12]
  and r6, r0, #2
  sub r3, r3, r6, lsr #1
  strd r3, r6, [sp, #WIDTH]
  add r10, r0, r5
  add r11, r10, r5
  add r12, r11, r5
  add r3, r2, r2, lsl #1
11: /* next row */
  str r4, [sp, #ROWS]
  ldrd lr, r4, [sp, #WIDTH]
  cbz r4, 12f
  fours_of_one
12:
  subs lr, lr, #4
  blt 14f
13: /* next four columns */
  fours_of_four
  subs lr, lr, #4
  bge 13b
14: /* one to three more */
  lsls r4, lr, #31
  bcs 15f                 /* of -4 … -1 bit 1 is set where two are left */
  beq 17f
  b 16f
15:
  fours_of_two
  lsls r4, lr, #31
  beq 17f
16:
  fours_of_one
17:
  ldrd r4, r5, [sp, #REST + 4]
  add r0, r0, r4
  add r10, r10, r4
  add r11, r11, r4
  add r12, r12, r4
  add r1, r1, r5
  ldr r4, [sp, #ROWS]
  subs r4, r4, #1
  bne 11b
  add sp, sp, #12
  pop {r4-r11, pc}
end tinynn_plane3x3_copy_fours_dsp
#endif
