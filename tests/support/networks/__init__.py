"""Tiny networks, and the published ones that golden files are of."""
