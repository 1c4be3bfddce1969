"""The commands that doit gets from us, one per module; each refuses in one line and knows its exit status."""
