"""What other sensors and the user know of a map: how it is tied to it, and whether it fits."""
