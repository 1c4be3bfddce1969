"""Kernels in 16-bit multiply-accumulates of Armv7E-M: style dsp."""
