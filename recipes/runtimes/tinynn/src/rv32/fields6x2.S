/* Six pixels by blocks of two output channels, two pixels in a word: see fields_conv2d.h. 17 instructions for 12
 * products, and 25 for each run of them whose sums stay inside 16 bits.
 *
 *   void tinynn_fields6x2_rv32(const struct tinynn_tile *tile)
 *
 * Registers of the inner loop: a0 behind the run's pixels, a1 at its length, a2 0x8000, a3 16 bytes before `lengths`, t0-t2 values of
 * three pairs of pixels, a4 and a5 a weight, a product; t3-t5 channel 0's sums of the run, t6, a6, a7 channel 1's; s0-s11
 * for each of these all that was added, and what was in its upper half.
 */
#include "tinynn/rv32.inc"

#define WEIGHTS 0
#define CHANNELS 4
#define X 8
#define OUTPUT 32
#define PITCH 36
#define BLOCKS 44
#define ZERO 48
#define LOWEST 52
#define HIGHEST 56

#define FRAME_BYTES 80
#define TILE 0 /* the argument; what changes from block to block is kept behind it */
#define SAVED_CHANNELS 4
#define SAVED_OUTPUT 8
#define SAVED_BLOCKS 12
#define SAVED_WEIGHTS 16
#define SAVED_REGISTERS 20

.macro load_pairs place
  lw t0, \place(a0)
  lw t1, \place+4(a0)
  lw t2, \place+8(a0)
.endm

/* The first product of a run. */
.macro first_product
  load_pairs 0
  lb a5, 1(a1)
  lb ra, 2(a1)
  mul t3, t0, a5
  mul t4, t1, a5
  mul t5, t2, a5
  mul t6, t0, ra
  mul a6, t1, ra
  mul a7, t2, ra
.endm

/* The one that is `k` before the run's end. */
.macro product k
  load_pairs -12*\k
  lb a5, -2*\k(a1)
  lb ra, 1-2*\k(a1)
  mul a4, t0, a5
  mul t0, t0, ra
  add t3, t3, a4
  mul a4, t1, a5
  mul t1, t1, ra
  add t4, t4, a4
  mul a4, t2, a5
  mul t2, t2, ra
  add t5, t5, a4
  add t6, t6, t0
  add a6, a6, t1
  add a7, a7, t2
.endm

/* To the run of so many products: 16 bytes each. */
.macro run length, to
  .option push
  .option norvc
  addi a0, a0, 12*\length
  addi a1, a1, 2*\length+1
  j \to
  nop
  .option pop
.endm

/* A run's sums of one pair: the lower half is signed, so the upper one lacks 1 where it is negative. */
.macro flush sum, all, upper
  add \all, \all, \sum
  add \sum, \sum, a2
  srai \sum, \sum, 16
  add \upper, \upper, \sum
.endm

/* In `all` the lower half's sum and the upper one's 65536 times, which goes here. */
.macro take_apart all, upper
  slli a4, \upper, 16
  sub \all, \all, a4
.endm

.macro start upper, all
  mv \upper, a4
  mv \all, a5
.endm

/* Sums to outputs by the records of backends/tinynn/lines.py; a6 lowest, a7 highest. */
.macro finish_pixel sum0, sum1, edge0, edge1
  rescale_line \sum0, t0, t1, t2, a6, a7, \edge0
  sb \sum0, 0(a0)
  rescale_line \sum1, t3, t4, t5, a6, a7, \edge1
  sb \sum1, 1(a0)
  add a0, a0, a1
.endm

.macro finish_pixels edge0, edge1
  finish_pixel s0, s6, \edge0, \edge1
  finish_pixel s1, s7, \edge0, \edge1
  finish_pixel s2, s8, \edge0, \edge1
  finish_pixel s3, s9, \edge0, \edge1
  finish_pixel s4, s10, \edge0, \edge1
  finish_pixel s5, s11, \edge0, \edge1
.endm

.macro record place, factor, shift, offset
  lw \shift, \place+SHIFT(a5)
  lw \factor, \place+FACTOR(a5)
  srli \offset, \shift, 5
  sll a4, a6, \shift
  add \offset, \offset, a4
.endm

/* (zero point << shift) + 256 */
.macro edge place, shift
  sll \place, t6, \shift
  addi \place, \place, 256
.endm

function tinynn_fields6x2_rv32
  addi sp, sp, -FRAME_BYTES
  save_all sw, SAVED_REGISTERS
  sw a0, TILE(sp)
  lw t2, CHANNELS(a0)
  lw t3, OUTPUT(a0)
  lw t4, BLOCKS(a0)
  lw a1, WEIGHTS(a0)
  sw t3, SAVED_OUTPUT(sp)
  lui a2, 8
  la a3, lengths
  addi a3, a3, -16 /* there are none of 0 */

next_block:
  sw t2, SAVED_CHANNELS(sp)
  sw t4, SAVED_BLOCKS(sp)
  lw a4, BIAS(t2)
  slli a5, a4, 16
  add a5, a5, a4
  start s1, s0
  start s3, s2
  start s5, s4
  lw a4, CHANNEL_BYTES+BIAS(t2)
  slli a5, a4, 16
  add a5, a5, a4
  start s7, s6
  start s9, s8
  start s11, s10
  lw a0, TILE(sp)
  lw a0, X(a0)
  j next_run

  .balign 4
lengths: /* of 16 bytes each, by 16 times the length */
  run 1, flushed
  run 2, after2
  run 3, after3
  run 4, after4
  run 5, after5
  run 6, after6
  run 7, after7
  run 8, after8
after8:
  product 7
after7:
  product 6
after6:
  product 5
after5:
  product 4
after4:
  product 3
after3:
  product 2
after2:
  product 1
flushed:
  flush t3, s0, s1
  flush t4, s2, s3
  flush t5, s4, s5
  flush t6, s6, s7
  flush a6, s8, s9
  flush a7, s10, s11
next_run:
  lbu a4, 0(a1)
  beqz a4, summed
  first_product
  add a4, a4, a3
  jr a4

summed:
  addi a1, a1, 1
  sw a1, SAVED_WEIGHTS(sp)
  take_apart s0, s1
  take_apart s2, s3
  take_apart s4, s5
  take_apart s6, s7
  take_apart s8, s9
  take_apart s10, s11
  lw a0, TILE(sp)
  lw t6, ZERO(a0)
  lw a6, LOWEST(a0)
  lw a7, HIGHEST(a0)
  lw a1, PITCH(a0)
  lw a5, SAVED_CHANNELS(sp)
  lw a0, SAVED_OUTPUT(sp)
  record 0, t0, t1, t2
  record CHANNEL_BYTES, t3, t4, t5
  addi a4, a0, 2
  sw a4, SAVED_OUTPUT(sp)
  blt a6, t6, two_sided
  finish_pixels
block_done:
  lw a1, SAVED_WEIGHTS(sp)
  addi t2, a5, 2*CHANNEL_BYTES
  lw t4, SAVED_BLOCKS(sp)
  addi t4, t4, -1
  bnez t4, next_block

  save_all lw, SAVED_REGISTERS
  addi sp, sp, FRAME_BYTES
  ret

two_sided:
  edge ra, t4
  edge t6, t1
  finish_pixels t6, ra
  j block_done
end tinynn_fields6x2_rv32
