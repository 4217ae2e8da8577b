"""Keyframes: when one opens, where frames stand in it, what it has seen."""
