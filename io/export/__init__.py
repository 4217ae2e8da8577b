"""A map in the formats of other programs."""
