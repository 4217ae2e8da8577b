"""Depth Anything 3: depths, cameras and rays of any number of views at once."""
