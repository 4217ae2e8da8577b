"""Mapping what lies in memory: images, depth and poses of one's own program."""
