"""Compilers, archivers and linkers: command lines from a toolchain recipe's entry for a CPU."""
