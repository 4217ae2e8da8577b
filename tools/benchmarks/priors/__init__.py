"""What is known from elsewhere, and what it makes of maps."""
