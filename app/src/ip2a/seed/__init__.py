"""Made-up people for trying the platform out. Never real ones."""
