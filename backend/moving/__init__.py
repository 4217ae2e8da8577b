"""What moved while a map was made: found by views that later look through where it was."""
