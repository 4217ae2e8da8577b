"""What several benchmarks are made of; nothing here runs by itself."""
