"""Kernels that any C compiler takes: styles plain, aot and aotplus."""
