"""What local features see."""
