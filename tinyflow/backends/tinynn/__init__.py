"""What is known of the kernels of the runtime tinynn: for tinyc, which calls them, and tinyi, which links them.

It knows no backend, and writes no C.
"""
