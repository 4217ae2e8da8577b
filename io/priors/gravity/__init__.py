"""Which way is up, by accelerometers and by worlds that are level."""
