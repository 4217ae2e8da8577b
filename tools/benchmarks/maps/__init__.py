"""Benchmarks of what is done with finished maps."""
