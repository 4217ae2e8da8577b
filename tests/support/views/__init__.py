"""Made-up views."""
