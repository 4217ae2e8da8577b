"""Rooms that are made up: their surfaces, pictures, cameras and walks, with exact truth."""
