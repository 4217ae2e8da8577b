"""Training: losses, steps, learning rates and data."""
