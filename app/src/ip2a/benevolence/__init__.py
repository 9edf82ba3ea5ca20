"""Help for members in need."""
