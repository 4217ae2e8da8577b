"""Tracks of points through a stream of frames."""
