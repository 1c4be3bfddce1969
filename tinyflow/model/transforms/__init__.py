"""Exact transforms: a graph in; a graph whose outputs are the same, and a record of what was changed, out."""
