"""Values that everyone speaks of: frames, predictions, cameras, trajectories, meshes."""
