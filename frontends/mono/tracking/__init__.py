"""Points followed from image to image, and the camera by them."""
