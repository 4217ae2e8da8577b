"""XFeat: learned features that are seen again from afar, run by OpenCV alone."""
