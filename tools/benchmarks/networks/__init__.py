"""What networks take, one family a file."""
