"""WinT3R: overlapping windows of frames, a recurrent state, and a pool of camera tokens."""
