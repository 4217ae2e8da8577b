"""What two views do not tell, though their residuals look as if they did."""
