"""Commands that map."""
