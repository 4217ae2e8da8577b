"""Where an image was taken in a finished map: what looks alike, its pose, and whether it holds."""
