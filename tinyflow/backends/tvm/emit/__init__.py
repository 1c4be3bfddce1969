"""A program as files: C sources, objects, headers, the memory plan."""
