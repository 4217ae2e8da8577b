"""Kinds of image files that OpenCV does not read."""
