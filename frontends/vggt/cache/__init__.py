"""What a stream remembers: keys and values, and the budget that they keep."""
