"""From a graph to layers: all scales folded into the integer arithmetic of kernels, or a rule for TVM to legalise."""
