"""The steps, oldest first; a merged step is never edited."""
