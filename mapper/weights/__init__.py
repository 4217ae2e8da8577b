"""Published weights: where they are, how they are fetched, and how they are read safely."""
