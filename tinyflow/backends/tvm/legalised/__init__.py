"""Operators without a kernel of ours: Relax expressions, which TVM's own passes turn into TIR functions."""
