    .syntax unified
    .thumb

    .section .text.tf_host, "ax", %progbits
    .globl tf_host
    .type tf_host, %function
tf_host:
    bkpt 0xab
    bx lr
    .size tf_host, . - tf_host

    .section .text.tf_nothing, "ax", %progbits
    .globl tf_nothing
    .type tf_nothing, %function
tf_nothing:
    movs r0, #0
    bx lr
    .size tf_nothing, . - tf_nothing

/* Armv7-M Architecture Reference Manual (DDI 0403), B1.5.6: an exception leaves the address at 24 bytes of its frame;
 * B3.2.15: CFSR says why, where there is one. */
    .section .text.tf_self_trap, "ax", %progbits
    .type tf_self_trap, %function
tf_self_trap:
    mrs r0, ipsr
    ldr r1, [sp, #24]
    ldr r2, =tf_stack_top
    mov sp, r2
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
    movs r2, #0
#else
    ldr r2, =0xE000ED28
    ldr r2, [r2]
#endif
    mov r3, lr
    bl tf_fault
    .ltorg
    .size tf_self_trap, . - tf_self_trap

/* B1.5.8: an exception return takes eight words from the stack; bit 4 of its value: they are not followed by the FPU's. */
    .section .text.tf_resume, "ax", %progbits
    .globl tf_resume
    .type tf_resume, %function
tf_resume:
    ldr r2, =tf_stack_top
    subs r2, #32
    mov sp, r2
    str r0, [r2, #24]
    movs r3, #1
    lsls r3, #24 /* Thumb, of xPSR */
    str r3, [r2, #28]
    movs r3, #16
    orrs r1, r3
    bx r1
    .ltorg
    .size tf_resume, . - tf_resume

    .section .text.tf_again, "ax", %progbits
    .globl tf_again
    .type tf_again, %function
tf_again:
    ldr r0, =tf_stack_top
    mov sp, r0
    ldr r0, =tf_start
    bx r0
    .ltorg
    .size tf_again, . - tf_again

    .section .rodata.tf_self_vectors, "a", %progbits
    .balign 128
tf_self_vectors:
    .word tf_stack_top
    .rept 15
    .word tf_self_trap
    .endr

    .section .text.tf_catch_traps, "ax", %progbits
    .globl tf_catch_traps
    .type tf_catch_traps, %function
tf_catch_traps:
    ldr r0, =0xE000ED08 /* VTOR */
    ldr r1, =tf_self_vectors
    str r1, [r0]
    bx lr
    .ltorg
    .size tf_catch_traps, . - tf_catch_traps
