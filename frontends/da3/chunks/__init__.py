"""Overlapping chunks of a sequence, each a call of the network, aligned by their common frames."""
