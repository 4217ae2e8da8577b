"""The published training losses, one family a file."""
