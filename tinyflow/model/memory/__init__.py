"""Memory of activations: how long each must stay, what may lie on what, and where in the arena."""
