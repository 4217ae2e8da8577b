"""Two cameras side by side: what both see becomes the depth of the left one."""
