// memcpy for cores of Thumb-2 that load and store words anywhere: in words from the first byte on, without a look at
// alignment unless the copy is long. Upwards, so that memmove may call it where the destination is the lower.
#if defined(__ARM_FEATURE_UNALIGNED) && defined(__thumb2__)
  .syntax unified
  .thumb
  .section .text.memcpy, "ax", %progbits
  .balign 4
  .global memcpy
  .global __aeabi_memcpy
  .global __aeabi_memcpy4
  .global __aeabi_memcpy8
  .type memcpy, %function
  .type __aeabi_memcpy, %function
  .type __aeabi_memcpy4, %function
  .type __aeabi_memcpy8, %function
  .thumb_func
memcpy:
  .thumb_func
__aeabi_memcpy:
  .thumb_func
__aeabi_memcpy4:
  .thumb_func
__aeabi_memcpy8:
  mov ip, r0
  subs r2, r2, #16
  blo .Lwords
  cmp r2, #48
  bhs .Llong
.Lblocks:
  .rept 4
  ldr r3, [r1], #4
  str r3, [ip], #4
  .endr
  subs r2, r2, #16
  bhs .Lblocks
.Lwords:
  adds r2, r2, #12
  bmi .Lrest
1:
  ldr r3, [r1], #4
  str r3, [ip], #4
  subs r2, r2, #4
  bpl 1b
.Lrest: // r2 is 4, 8, … below what is left: bit 1 becomes the carry, bit 0 the sign
  lsls r2, r2, #31
  itt cs
  ldrhcs r3, [r1], #2
  strhcs r3, [ip], #2
  itt mi
  ldrbmi r3, [r1]
  strbmi r3, [ip]
  bx lr
.Llong: // from 64 bytes on: the destination is aligned; with it the source, or not
  rsb r3, ip, #0
  ands r3, r3, #3
  beq 2f
  subs r2, r2, r3
  lsls r3, r3, #31
  itt cs
  ldrhcs r3, [r1], #2
  strhcs r3, [ip], #2
  itt mi
  ldrbmi r3, [r1], #1
  strbmi r3, [ip], #1
2:
  lsls r3, r1, #30
  bne .Lblocks
  push {r4, r5, r6}
3:
  ldmia r1!, {r3, r4, r5, r6}
  stmia ip!, {r3, r4, r5, r6}
  subs r2, r2, #16
  bhs 3b
  pop {r4, r5, r6}
  b .Lwords
  .size memcpy, . - memcpy
#endif
