"""Places images whose depth is known up to a factor of each image's own."""
