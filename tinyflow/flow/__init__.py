"""Benches to doit tasks: planning, the loader, the commands, and what people see. Only this package knows doit."""
