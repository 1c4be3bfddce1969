/* Sums of 3x3 taps along a row: see depthwise3x3.c. 12 instructions for 9 products and a sum.
 *
 *   void tinynn_row3x3_mac16(const struct tinynn_row3x3 *job)
 *
 * Two columns are a word. A sum sees three columns: two words of each row, the second of which is the next sum's first one
 * but one. The first row's words are in a14 and a15, the second's in m0 and m1, the third's in m2 and m3.
 * a3-a5 rows, a6-a10 pairs of taps, a11 sums, a12 bias, a13 sums left, a2 at work.
 */
#include "tinynn/xtensa.inc"

#define ROWS 0
#define TAPS 12
#define BIAS 32
#define SUMS 36
#define COUNT 40
#define STRIDE 44

/* The sum that begins with the first column of a word; and the next words: `x1`, `m1`, `n1`. */
.macro first x0, x1, m0, m1, n0, n1, place, to
  l32i \x1, a3, \place
  wsr a12, acclo
  mula.da.lh.ldinc \m1, a4, \m0, a7
  mula.da.hl.ldinc \n1, a5, \m0, a8
  mula.da.lh \m1, a8
  mula.aa.ll \x0, a6
  mula.aa.hh \x0, a6
  mula.aa.ll \x1, a7
  mula.ad.ll a9, \n0
  mula.ad.hh a9, \n0
  mula.ad.ll a10, \n1
  rsr a2, acclo
  s32i a2, a11, \to
.endm

/* And with the second one. */
.macro second x0, x1, m0, m1, n0, n1, to
  wsr a12, acclo
  mula.da.hh \m0, a7
  mula.da.ll \m1, a8
  mula.da.hh \m1, a8
  mula.aa.hl \x0, a6
  mula.aa.lh \x1, a6
  mula.aa.hl \x1, a7
  mula.ad.lh a9, \n0
  mula.ad.hl a9, \n1
  mula.ad.lh a10, \n1
  rsr a2, acclo
  s32i a2, a11, \to
.endm

function tinynn_row3x3_mac16
  enter
  l32i a3, a2, ROWS
  l32i a4, a2, ROWS+4
  l32i a5, a2, ROWS+8
  l32i a6, a2, TAPS
  l32i a7, a2, TAPS+4
  l32i a8, a2, TAPS+8
  l32i a9, a2, TAPS+12
  l32i a10, a2, TAPS+16
  l32i a12, a2, BIAS
  l32i a11, a2, SUMS
  l32i a13, a2, COUNT
  l32i a15, a2, STRIDE
  l32i a14, a3, 0
  addi a4, a4, -4 /* LDINC adds 4 first */
  addi a5, a5, -4
  ldinc m0, a4
  ldinc m2, a5
  addi a15, a15, -1
  bnez a15, apart

  srli a2, a13, 2
  loopnez a2, fours
  first a14, a15, m0, m1, m2, m3, 4, 0
  second a14, a15, m0, m1, m2, m3, 4
  first a15, a14, m1, m0, m3, m2, 8, 8
  second a15, a14, m1, m0, m3, m2, 12
  addi a3, a3, 8
  addi a11, a11, 16
fours:
  extui a13, a13, 0, 2
  beqz a13, done
  first a14, a15, m0, m1, m2, m3, 4, 0
  second a14, a15, m0, m1, m2, m3, 4
  blti a13, 3, done
  first a15, a14, m1, m0, m3, m2, 8, 8
done:
  leave

apart:
  srli a2, a13, 1
  loopnez a2, pairs
  first a14, a15, m0, m1, m2, m3, 4, 0
  first a15, a14, m1, m0, m3, m2, 8, 4
  addi a3, a3, 8
  addi a11, a11, 8
pairs:
  bbci a13, 0, done_apart
  first a14, a15, m0, m1, m2, m3, 4, 0
done_apart:
  leave
end tinynn_row3x3_mac16
