"""Datasets that are mapped as they were downloaded, and the list of all layouts."""
