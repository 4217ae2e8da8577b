"""Measures that benchmarks and tests judge maps by."""
