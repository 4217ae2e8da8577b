"""Colour images alone: sparse tracking, bundle adjustment, depth of the keyframes; no weights."""
