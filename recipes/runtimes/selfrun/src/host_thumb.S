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

/* Armv7-M Architecture Reference Manual (DDI 0403), B1.5.6: an exception leaves the address at 24 bytes of its frame. */
    .section .text.tf_self_trap, "ax", %progbits
    .type tf_self_trap, %function
tf_self_trap:
    mrs r0, ipsr
    ldr r1, [sp, #24]
    ldr r2, =tf_stack_top
    mov sp, r2
    movs r2, #0
    bl tf_fault
    .ltorg
    .size tf_self_trap, . - tf_self_trap

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
