"""Of tracking with a depth camera."""
