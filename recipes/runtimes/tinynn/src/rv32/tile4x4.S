/* Four pixels by blocks of four output channels: see tiled_conv2d.h. 40 instructions for 16 products.
 *
 *   void tinynn_tile4x4_rv32(const struct tinynn_tile *tile)
 *
 * Registers of the inner loop: a0-a3 the pixels' values, t0 weights, t1 end of the first pixel's values, t3-t6 one
 * value of each pixel, t2 a weight, ra a product; sums of channel 0: s0-s3 for the four pixels, 1: s4-s7, 2: s8-s11,
 * 3: a4-a7.
 */
#include "tinynn/rv32.inc"

#define WEIGHTS 0
#define CHANNELS 4
#define X 8
#define OUTPUT 24
#define PITCH 28
#define PRODUCTS 32
#define BLOCKS 36
#define ZERO 40
#define LOWEST 44
#define HIGHEST 48

#define FRAME_BYTES 80
#define TILE 0 /* the argument; what changes from block to block is kept behind it */
#define SAVED_CHANNELS 4
#define SAVED_OUTPUT 8
#define SAVED_BLOCKS 12
#define SAVED_WEIGHTS 16
#define SAVED_REGISTERS 20

/* One weight of a channel by one value of each pixel. */
.macro multiply place, sum0, sum1, sum2, sum3
  lb t2, \place(t0)
  mul ra, t3, t2
  add \sum0, \sum0, ra
  mul ra, t4, t2
  add \sum1, \sum1, ra
  mul ra, t5, t2
  add \sum2, \sum2, ra
  mul ra, t6, t2
  add \sum3, \sum3, ra
.endm

.macro product k
  lb t3, \k(a0)
  lb t4, \k(a1)
  lb t5, \k(a2)
  lb t6, \k(a3)
  multiply 4*\k, s0, s1, s2, s3
  multiply 4*\k+1, s4, s5, s6, s7
  multiply 4*\k+2, s8, s9, s10, s11
  multiply 4*\k+3, a4, a5, a6, a7
.endm

.macro start channel, sum0, sum1, sum2, sum3
  lw \sum0, CHANNEL_BYTES*\channel+BIAS(t2)
  mv \sum1, \sum0
  mv \sum2, \sum0
  mv \sum3, \sum0
.endm

/* t1 records, a0-a3 the pixels' outputs; t2 factor, t3 shift, t4 offset, t5 lowest, t6 highest. */
.macro finish_one channel, sum, output
  rescale_right \sum, t2, t3, t4, t5, t6
  sb \sum, \channel(\output)
.endm

.macro finish channel, sum0, sum1, sum2, sum3
  lw t3, CHANNEL_BYTES*\channel+SHIFT(t1)
  lw t2, CHANNEL_BYTES*\channel+FACTOR(t1)
  addi t3, t3, 1
  sll t4, t0, t3 /* (2 * zero point + 1) << (shift + 1) */
  addi t4, t4, 1
  addi t3, t3, 1
  finish_one \channel, \sum0, a0
  finish_one \channel, \sum1, a1
  finish_one \channel, \sum2, a2
  finish_one \channel, \sum3, a3
.endm

function tinynn_tile4x4_rv32
  addi sp, sp, -FRAME_BYTES
  save_all sw, SAVED_REGISTERS
  sw a0, TILE(sp)
  lw t2, CHANNELS(a0)
  lw t3, OUTPUT(a0)
  lw t4, BLOCKS(a0)
  lw t0, WEIGHTS(a0)
  sw t3, SAVED_OUTPUT(sp)

next_block:
  sw t2, SAVED_CHANNELS(sp)
  sw t4, SAVED_BLOCKS(sp)
  start 0, s0, s1, s2, s3
  start 1, s4, s5, s6, s7
  start 2, s8, s9, s10, s11
  start 3, a4, a5, a6, a7
  lw t2, TILE(sp)
  lw a0, X(t2)
  lw a1, X+4(t2)
  lw a2, X+8(t2)
  lw a3, X+12(t2)
  lw t1, PRODUCTS(t2)
  andi t1, t1, -4
  add t1, t1, a0
  beq t1, a0, rest
four_products:
  product 0
  product 1
  product 2
  product 3
  addi a0, a0, 4
  addi a1, a1, 4
  addi a2, a2, 4
  addi a3, a3, 4
  addi t0, t0, 16
  bne a0, t1, four_products
rest:
  lw t2, TILE(sp)
  lw t1, PRODUCTS(t2)
  andi t1, t1, 3
  beqz t1, summed
  add t1, t1, a0
one_product:
  product 0
  addi a0, a0, 1
  addi a1, a1, 1
  addi a2, a2, 1
  addi a3, a3, 1
  addi t0, t0, 4
  bne a0, t1, one_product
summed:
  sw t0, SAVED_WEIGHTS(sp)
  lw t2, TILE(sp)
  lw t0, ZERO(t2)
  lw t5, LOWEST(t2)
  lw t6, HIGHEST(t2)
  lw t3, PITCH(t2)
  lw t1, SAVED_CHANNELS(sp)
  lw a0, SAVED_OUTPUT(sp)
  slli t0, t0, 1
  addi t0, t0, 1
  add a1, a0, t3
  add a2, a1, t3
  add a3, a2, t3
  finish 0, s0, s1, s2, s3
  finish 1, s4, s5, s6, s7
  finish 2, s8, s9, s10, s11
  finish 3, a4, a5, a6, a7
  lw t0, SAVED_WEIGHTS(sp)
  addi a0, a0, 4
  sw a0, SAVED_OUTPUT(sp)
  addi t2, t1, 4*CHANNEL_BYTES
  lw t4, SAVED_BLOCKS(sp)
  addi t4, t4, -1
  bnez t4, next_block

  save_all lw, SAVED_REGISTERS
  addi sp, sp, FRAME_BYTES
  ret
end tinynn_tile4x4_rv32
