"""Digests, actions, the cache and the execution of actions; knows nothing of models, compilers or doit."""
