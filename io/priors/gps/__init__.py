"""Positions on the Earth: tracks of receivers, and of photographs."""
