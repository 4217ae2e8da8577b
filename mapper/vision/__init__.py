"""What frontends and backend both compute from images and depth."""
