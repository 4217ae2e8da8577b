"""A run directory when it is read again."""
