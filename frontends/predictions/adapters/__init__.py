"""The layouts of saved predictions that are read, one a file."""
