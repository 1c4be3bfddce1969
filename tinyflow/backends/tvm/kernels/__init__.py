"""One layer as TIR: specifications, what they compute, and the styles of kernels that compute it."""
