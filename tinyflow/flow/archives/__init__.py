"""Benches as files that others can check and rebuild: export, import, verify."""
