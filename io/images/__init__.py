"""Images by themselves: kinds of files that OpenCV does not read, shapes that tell something."""
