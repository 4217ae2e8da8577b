"""What the user measured, found again in a map that is made: lengths, tags, a height."""
