"""Cameras and streams: images that arrive whether or not anyone has time for them."""
