"""What depth cameras of several kinds make of true depth."""
