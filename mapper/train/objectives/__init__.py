"""What each network is asked for in training: a batch to a loss."""
