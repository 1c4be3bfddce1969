"""Ways from a model to C sources, found through recipes; one package each, and none knows another."""
