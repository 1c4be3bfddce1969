/* What conv2d_winograd.c does most: see winograd.h. */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/function.inc"

/* struct tinynn_winograd */
#define P_WEIGHTS 4
#define P_CHANNELS 8
#define P_PLACES 12
#define P_OUTPUT 16
#define P_ZERO 20
#define P_EIGHTS 24
#define P_GROUPS 28

/* Sums put aside, or differences; of two rows of each column: [4][2][6]. */
#define SUMS 24
#define SUMS_END 216
#define NEXT 216
#define P 220
#define PLACES 224
#define GROUPS 228
#define EIGHTS 232
#define INPUTS 236
#define FRAME_BYTES 244 /* with nine saved registers, a multiple of 8 */

/* Products: 8 instructions for 12.
 *
 * Registers: r0 inputs, r1 weights, r2 count, r3-r5 two inputs of each tile, r6-r7 weights, r8-r10 sums of a, r11 r12 lr
 * sums of b. */
.macro two_products multiply=smlad
  ldm r0!, {r3-r5}
  ldrd r6, r7, [r1], #8
.ifc \multiply, smuad
  smuad r8, r3, r6
  smuad r9, r4, r6
  smuad r10, r5, r6
  smuad r11, r3, r7
  smuad r12, r4, r7
  smuad lr, r5, r7
.else
  smlad r8, r3, r6, r8
  smlad r9, r4, r6, r9
  smlad r10, r5, r6, r10
  smlad r11, r3, r7, r11
  smlad r12, r4, r7, r12
  smlad lr, r5, r7, lr
.endif
.endm

/* All products of one place, with what sums are or anew. */
.macro products_on
  ldr r2, [sp, #EIGHTS]
eight_products\@:
  two_products
  two_products
  two_products
  two_products
  subs r2, r2, #1
  bne eight_products\@
.endm

.macro products
  ldr r2, [sp, #EIGHTS]
  two_products smuad
  b three_more\@
eight_products\@:
  two_products
three_more\@:
  two_products
  two_products
  two_products
  subs r2, r2, #1
  bne eight_products\@
.endm

.macro store_sums
  ldr r3, [sp, #NEXT]
  stm r3!, {r8-r12, lr}
  str r3, [sp, #NEXT]
.endm

/* Of two sums of rows 1 and 2: the sum, and the difference in place of the first. */
.macro sum_and_difference first, second
  add \second, \first, \second
  rsb \first, \second, \first, lsl #1
.endm

/* Two outputs of a tile from the sums of a row of it, at r0 for each column. Registers: r1 places, r2 channel, r3 bias,
 * r4 factor, r5 shift, r6 offset. */
.macro two_outputs row
  ldr r7, [r0, #48 + \row]
  ldr r8, [r0, #96 + \row]
  add r9, r7, r8
  sub lr, r7, r8
  ldr r7, [r0, #\row]
  ldr r8, [r0, #144 + \row]
  add r7, r7, r9
  sub r8, lr, r8
  add r7, r3, r7, asr #2
  add r8, r3, r8, asr #2
  requantise r7, r4, r5, r6
  requantise r8, r4, r5, r6
  ldrd r9, lr, [r1], #8
  strb r7, [r9, r2]
  strb r8, [lr, r2]
.endm

function tinynn_winograd_dsp
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  str r0, [sp, #P]
  ldr r4, [r0, #P_PLACES]
  ldrd r5, r6, [r0, #P_EIGHTS]
  str r4, [sp, #PLACES]
  str r5, [sp, #EIGHTS]
  str r6, [sp, #GROUPS]
  ldr r0, [r0]
next_group:
  ldr r1, [sp, #P]
  ldr r1, [r1, #P_WEIGHTS]
  add r3, sp, #SUMS
  str r3, [sp, #NEXT]
next_column: /* rows 1, 2, 0, 3 */
  products
  stm sp, {r8-r12, lr}
  products
  ldm sp, {r2-r7}
  sum_and_difference r2, r8
  sum_and_difference r3, r9
  sum_and_difference r4, r10
  sum_and_difference r5, r11
  sum_and_difference r6, r12
  sum_and_difference r7, lr
  stm sp, {r2-r7}
  products_on
  store_sums
  ldm sp, {r8-r12, lr}
  products_on
  store_sums
  add r4, sp, #SUMS_END
  cmp r3, r4
  bne next_column

  str r0, [sp, #INPUTS]
  ldr r11, [sp, #P]
  ldr r10, [r11, #P_CHANNELS]
  ldr r2, [r11, #P_OUTPUT]
  add r0, sp, #SUMS
next_channel:
  ldr r1, [sp, #PLACES]
  ldm r10!, {r3-r5} /* bias, factor, shift */
  ldr r6, [r11, #P_ZERO]
  lsls r6, r6, r5
  movs r12, #3
next_tile:
  two_outputs 0
  two_outputs 24
  adds r0, #4
  subs r12, r12, #1
  bne next_tile
  adds r2, #1
  add r7, sp, #SUMS + 24
  cmp r0, r7
  bne next_channel
  str r1, [sp, #PLACES]
  ldr r0, [sp, #INPUTS]
  ldr r3, [sp, #GROUPS]
  subs r3, r3, #1
  str r3, [sp, #GROUPS]
  bne next_group

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end tinynn_winograd_dsp

/* Inputs. Registers: r0 to, r1 channel, r2 bytes from place to place, r3 twelve times that, r4-r11 two rows of four columns;
 * pointers to pixels are on the stack. */
#undef FRAME_BYTES
#define CHANNELS 64
#define FRAME_BYTES 68

.macro load_half to, pixel, how:vararg
  ldr \to, [sp, #4 * (\pixel)]
  ldr \to, [\to, r1]
  sxtb16 \to, \to \how
.endm

/* Of rows 1 and 2: their sum, and the second less the first. */
.macro middle_column a, b, x, how:vararg
  load_half r12, 4 + \x, \how
  load_half lr, 8 + \x, \how
  sadd16 \a, r12, lr
  ssub16 \b, lr, r12
.endm

/* From these row 0 less row 2, row 3 less row 1. */
.macro outer_column a, b, x, how:vararg
  load_half r12, \x, \how
  shadd16 lr, \a, \b
  shsub16 \b, \a, \b
  ssub16 \a, r12, lr
  load_half r12, 12 + \x, \how
  ssub16 \b, r12, \b
.endm

.macro store_row a, b, c, d
  ssub16 r12, \a, \c
  sadd16 lr, \b, \c
  str r12, [r0]
  str lr, [r0, r2, lsl #2]
  ssub16 r12, \c, \b
  ssub16 lr, \b, \d
  str r12, [r0, r2, lsl #3]
  str lr, [r0, r3]
  add r0, r0, r2
.endm

.macro half_of_channels how:vararg
  middle_column r4, r8, 0, \how
  middle_column r5, r9, 1, \how
  middle_column r6, r10, 2, \how
  middle_column r7, r11, 3, \how
  store_row r4, r5, r6, r7
  store_row r8, r9, r10, r11
  outer_column r4, r8, 0, \how
  outer_column r5, r9, 1, \how
  outer_column r6, r10, 2, \how
  outer_column r7, r11, 3, \how
  store_row r4, r5, r6, r7
  store_row r8, r9, r10, r11
  sub r0, r0, r2, lsl #2
  adds r0, #12
.endm

function tinynn_winograd_inputs_dsp
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r1!, {r4-r11}
  stm sp, {r4-r11}
  ldm r1, {r4-r11}
  add r3, sp, #32
  stm r3, {r4-r11}
  str r2, [sp, #CHANNELS]
  add r3, r2, r2, lsl #1
  lsls r2, r3, #1
  add r3, r2, r3, lsl #2
  lsls r3, r3, #2
  movs r1, #0
next_four_inputs:
  half_of_channels
  half_of_channels , ror #8
  ldr r12, [sp, #CHANNELS]
  adds r1, #4
  cmp r1, r12
  bne next_four_inputs
  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end tinynn_winograd_inputs_dsp

/* Weights. Registers: r0 to, r1 weights, r2 channels and what is stored, r3 sixteen times the channels, r4-r12 taps. */
.macro taps_row a, b, c
  sadd16 lr, \a, \c
  sadd16 r2, \a, \a
  str r2, [r0]
  sadd16 r2, lr, \b
  str r2, [r0, r3]
  ssub16 r2, lr, \b
  str r2, [r0, r3, lsl #1]
  add lr, r0, r3, lsl #1
  sadd16 r2, \c, \c
  str r2, [lr, r3]
  add r0, r0, r3, lsr #2
.endm

/* Row 1; from it and both others, twice as large, row 2. */
.macro middle_tap a, b, c
  sadd16 lr, \a, \c
  sadd16 \b, \b, lr
.endm

.macro next_tap a, b, c
  sadd16 \a, \a, \a
  sadd16 \c, \c, \c
  sadd16 lr, \a, \c
  ssub16 \b, lr, \b
.endm

.macro half_of_weights how:vararg
  ldr r2, [sp, #4]
  add lr, r2, r2, lsl #1
  add lr, r1, lr
  ldr r4, [r1]
  ldr r5, [r1, r2]
  ldr r6, [r1, r2, lsl #1]
  ldr r7, [lr]
  ldr r8, [lr, r2]
  ldr r9, [lr, r2, lsl #1]
  add lr, lr, r2
  ldr r10, [lr, r2, lsl #1]
  ldr r12, [r1, r2, lsl #3]
  add lr, lr, r2
  ldr r11, [lr, r2, lsl #1]
  sxtb16 r4, r4 \how
  sxtb16 r5, r5 \how
  sxtb16 r6, r6 \how
  sxtb16 r7, r7 \how
  sxtb16 r8, r8 \how
  sxtb16 r9, r9 \how
  sxtb16 r10, r10 \how
  sxtb16 r11, r11 \how
  sxtb16 r12, r12 \how
  middle_tap r4, r7, r10
  middle_tap r5, r8, r11
  middle_tap r6, r9, r12
  taps_row r7, r8, r9
  next_tap r4, r7, r10
  next_tap r5, r8, r11
  next_tap r6, r9, r12
  taps_row r7, r8, r9
  taps_row r4, r5, r6
  taps_row r10, r11, r12
  sub r0, r0, r3
  adds r0, #8
.endm

function tinynn_winograd_weights_dsp
  push {r4-r11, lr}
  sub sp, sp, #12
  add r3, r1, r2
  strd r3, r2, [sp]
  lsls r3, r2, #4
next_four_weights:
  half_of_weights
  half_of_weights , ror #8
  ldr r12, [sp]
  adds r1, #4
  cmp r1, r12
  bne next_four_weights
  add sp, sp, #12
  pop {r4-r11, pc}
end tinynn_winograd_weights_dsp
#endif
