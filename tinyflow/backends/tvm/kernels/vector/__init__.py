"""Kernels in vector instructions: MVE and RVV."""
