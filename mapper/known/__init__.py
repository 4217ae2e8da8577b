"""What is known of a map from elsewhere: gathered for a run, and kept with it."""
