/* Sums of products: see mac16.h. Four instructions for four products, in a loop that takes none.
 *
 *   void tinynn_dots_mac16(const struct tinynn_dots *dots)
 *
 * Registers: a2 the argument; a3 weights, a4 fours, a5 sums, a6 pixels left, a7 0xff00ff00, a8 room, a9 values, a10 and a11
 * at work, a12 bias, a13 channels left, a14 all pixels, a15 all values. m0 and m1 values, m2 and m3 weights: while a word is
 * multiplied, the next one is loaded.
 */
#include "tinynn/xtensa.inc"

#define X 0
#define WEIGHTS 4
#define FOURS 8
#define SUMS 12
#define PIXELS 16
#define CHANNELS 20
#define ROOM 24

function tinynn_dots_mac16
  enter
  l32i a15, a2, X
  l32i a3, a2, WEIGHTS
  l32i a4, a2, FOURS
  l32i a5, a2, SUMS
  l32i a14, a2, PIXELS
  l32i a13, a2, CHANNELS
  movi a10, -256
  extui a7, a10, 0, 16
  slli a10, a7, 16
  or a7, a7, a10
  addi a15, a15, -4 /* LDINC adds 4 first */

next_channel:
  l32i a8, a2, ROOM
  loop a4, widened
  l32i a10, a3, 0
  addi a3, a3, 4
  and a11, a10, a7
  slli a10, a10, 8
  and a10, a10, a7
  s32i a11, a8, 0
  s32i a10, a8, 4
  addi a8, a8, 8
widened:
  l32i a8, a2, ROOM
  l32i a12, a5, 0
  mov a9, a15
  mov a6, a14
  addi a8, a8, -4
  ldinc m0, a9
next_pixel:
  mov a10, a8
  wsr a12, acclo
  ldinc m2, a10
  loop a4, summed
  mula.dd.ll.ldinc m1, a9, m0, m2
  mula.dd.hh.ldinc m3, a10, m0, m2
  mula.dd.ll.ldinc m0, a9, m1, m3
  mula.dd.hh.ldinc m2, a10, m1, m3
summed:
  addi a6, a6, -1
  rsr a11, acclo
  s32i a11, a5, 0
  addi a5, a5, 4
  bnez a6, next_pixel
  addi a13, a13, -1
  bnez a13, next_channel
  leave
end tinynn_dots_mac16
