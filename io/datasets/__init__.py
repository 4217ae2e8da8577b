"""Datasets with ground truth, in the layouts that they are published in."""
