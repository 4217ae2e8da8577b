"""Two runs of one place compared: what appeared and what vanished."""
