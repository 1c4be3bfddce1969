/* Reset of a Cortex-A in 32 bits, in Arm state, with the MMU off. */

    .section .vectors, "ax", %progbits
    .globl _start
    .type _start, %function
_start:
    ldr sp, =tf_stack_top
#if defined(__ARM_FP)
    mrc p15, 0, r0, c1, c0, 2 /* CPACR: CP10 and CP11 */
    orr r0, r0, #0xF00000
    mcr p15, 0, r0, c1, c0, 2
    isb
    mov r0, #0x40000000 /* FPEXC.EN */
    vmsr fpexc, r0
#endif
    b tf_start
    .ltorg
    .size _start, . - _start
