"""Edges between keyframes: odometry, covisibility and closed loops."""
