"""The door for Python programs and notebooks: a project, its benches as rows. The engine is that of the commands."""
