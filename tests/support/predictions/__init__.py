"""Predictions as other models save them."""
