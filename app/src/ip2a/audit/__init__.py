"""Who did what, and who read whose data: append-only, written with the change itself."""
