"""Scans by phones and by other programs: a camera and a pose with each frame."""
