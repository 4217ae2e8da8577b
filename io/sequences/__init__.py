"""Recorded sequences of images, in the formats that people have."""
