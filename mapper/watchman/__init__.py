"""Watches what a network says: collapses, jumps, a lost scale, a camera that stands."""
