"""Keyframes' maps fused into a truncated signed distance function."""
