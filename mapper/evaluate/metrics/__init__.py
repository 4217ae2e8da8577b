"""Numbers of how good a map, a trajectory or a depth map is."""
