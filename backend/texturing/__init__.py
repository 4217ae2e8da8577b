"""Surfaces painted from photographs."""
