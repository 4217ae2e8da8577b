"""Benchmarks: every figure of docs/benchmarks.md is made by one of these."""
