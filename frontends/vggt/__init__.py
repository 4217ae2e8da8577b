"""VGGT and its causal descendants STream3R and StreamVGGT: one network, several memories."""
