"""Runs joined into one."""
