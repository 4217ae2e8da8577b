"""What the report shows in three dimensions."""
