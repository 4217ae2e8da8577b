"""A run directory while it is written."""
