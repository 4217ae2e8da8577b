"""Depth Anything 3, its streaming and its keyframe loop."""
