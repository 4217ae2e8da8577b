"""What another model saved of a sequence, as a frontend."""
