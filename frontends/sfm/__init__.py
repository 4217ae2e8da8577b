"""Photographs: unordered, or too far apart to be tracked."""
