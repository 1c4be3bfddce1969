"""A model as TVM's graph runtime has it (graph, parameters, kernels), and the two backends that take it: tvmrt, tvmcg.

`lowering` makes it and is the only module here behind which TVM is imported; `artifact` reads it; `executor` puts the
graph into flash for an interpreter, `static` turns it into calls.
"""
