"""What several tests need: rooms, tiny networks, servers."""
