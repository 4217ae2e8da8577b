"""What other sensors say of the poses of a sequence."""
