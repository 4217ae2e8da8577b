"""Cameras, poses and points: what they look like in one another, and what fits best."""
