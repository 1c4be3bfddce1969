/* Ten pixels, or fewer, by output channels, one after the other: see mac16_conv2d.h. Products as in dots.S, 19 instructions more for
 * an output, which is that of outputs.S.
 *
 *   void tinynn_tile_mac16(const struct tinynn_tile *tile)
 *
 * Registers: a8 weights as halves, a9 values, a10 at work and weights, a11 at work, a4 fours, a12 bias, a6 upper, a7 lower, a13
 * offset, a14 highest, a3 output, a5 pitch, a15 pixels left, a2 the argument or at work.
 */
#include "tinynn/xtensa.inc"

/* struct tinynn_tile */
#define WEIGHTS 0
#define CHANNELS 4
#define OUTPUT 48
#define PITCH 52
#define BLOCKS 60
#define ZERO 64
#define LOWEST 68
#define HIGHEST 72
#define HALVES 76
#define FOURS 80
#define PIXELS 84

#define CHANNEL_BYTES 12
#define TILE_PIXELS 10

/* of the frame: what changes from channel to channel */
#define FRAME_BYTES 48
#define TILE 16
#define SAVED_WEIGHTS 20
#define SAVED_CHANNEL 24
#define SAVED_OUTPUT 28
#define CHANNELS_LEFT 32
#define EDGE 36
#define SAVED_LOWEST 40

.macro pixels edge
.Lnext\@:
  mov a10, a8
  wsr a12, acclo
  ldinc m2, a10
  loop a4, .Lsummed\@
  mula.dd.ll.ldinc m1, a9, m0, m2
  mula.dd.hh.ldinc m3, a10, m0, m2
  mula.dd.ll.ldinc m0, a9, m1, m3
  mula.dd.hh.ldinc m2, a10, m1, m3
.Lsummed\@:
  addi a15, a15, -1
  rsr a10, acclo
  extui a11, a10, 26, 6
  bnez a11, .Lcut\@
  srli a10, a10, 8
  mull a11, a10, a6
  mull a10, a10, a7
  add a11, a11, a13
  srli a10, a10, 14
  add a10, a10, a11
.ifnb \edge
  l32i a11, a1, EDGE
  bge a10, a11, .Labove\@
  addmi a10, a10, -8192
.Labove\@:
.endif
  sra a10, a10
  min a10, a10, a14
.Lstore\@:
  s8i a10, a3, 0
  add a3, a3, a5
  bnez a15, .Lnext\@
  j channel_done
.Lcut\@:
  mov a11, a10
  mov a10, a14
  bgez a11, .Lstore\@
  l32i a10, a1, SAVED_LOWEST
  j .Lstore\@
.endm

function tinynn_tile_mac16
  enter FRAME_BYTES
  l32i a3, a2, WEIGHTS
  l32i a6, a2, CHANNELS
  l32i a12, a2, OUTPUT
  l32i a13, a2, BLOCKS
  l32i a14, a2, LOWEST
  s32i a2, a1, TILE
  s32i a6, a1, SAVED_CHANNEL
  s32i a12, a1, SAVED_OUTPUT
  s32i a14, a1, SAVED_LOWEST
  l32i a4, a2, FOURS
  l32i a5, a2, PITCH

next_channel:
  s32i a13, a1, CHANNELS_LEFT
  movi a15, -256
  extui a15, a15, 0, 16
  slli a10, a15, 16
  or a15, a15, a10 /* 0xff00ff00 */
  l32i a9, a2, HALVES
  slli a11, a4, 3
  movi a8, TILE_PIXELS
  mull a8, a8, a11
  add a8, a8, a9
  loop a4, widened
  l32i a10, a3, 0
  addi a3, a3, 4
  and a11, a10, a15
  slli a10, a10, 8
  and a10, a10, a15
  s32i a11, a8, 0
  s32i a10, a8, 4
  addi a8, a8, 8
widened:
  s32i a3, a1, SAVED_WEIGHTS
  slli a11, a4, 3
  addi a11, a11, 4
  sub a8, a8, a11 /* LDINC adds 4 first */
  addi a9, a9, -4
  ldinc m0, a9
  l32i a10, a1, SAVED_CHANNEL
  l32i a3, a1, SAVED_OUTPUT
  l32i a12, a10, 0
  l32i a6, a10, 4
  l32i a11, a10, 8
  addi a10, a10, CHANNEL_BYTES
  s32i a10, a1, SAVED_CHANNEL
  addi a10, a3, 1
  s32i a10, a1, SAVED_OUTPUT
  extui a7, a6, 0, 14
  srli a6, a6, 14
  l32i a14, a2, LOWEST
  l32i a15, a2, ZERO
  ssl a11
  sll a10, a14
  srli a13, a11, 5
  add a13, a13, a10
  sub a14, a15, a14
  sll a10, a15
  addmi a10, a10, 8192
  s32i a10, a1, EDGE
  ssr a11
  mov a10, a14
  l32i a14, a2, HIGHEST
  l32i a15, a2, PIXELS
  bgei a10, 1, two_sided
  pixels
two_sided:
  pixels edge

channel_done:
  l32i a13, a1, CHANNELS_LEFT
  l32i a3, a1, SAVED_WEIGHTS
  l32i a2, a1, TILE
  addi a13, a13, -1
  bnez a13, next_channel
  leave FRAME_BYTES
end tinynn_tile_mac16
