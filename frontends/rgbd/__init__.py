"""The weight-free frontend for depth cameras."""
