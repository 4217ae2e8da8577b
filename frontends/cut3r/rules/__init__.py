"""Remedies for long sequences that need no training: rules with a memory, and what goes on top."""
