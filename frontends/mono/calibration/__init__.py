"""The focal length of a camera that nobody knows."""
