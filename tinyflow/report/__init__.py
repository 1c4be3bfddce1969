"""Rows and tables of what was measured. Runs nothing and measures nothing."""
