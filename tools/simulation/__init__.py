"""Predictions like a streaming feed-forward model's, made from a sequence with ground truth."""
