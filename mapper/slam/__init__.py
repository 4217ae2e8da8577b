"""Frames in, a map out: the mapper and what it tells while it works."""
