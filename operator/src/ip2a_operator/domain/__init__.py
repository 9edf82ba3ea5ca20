"""What should be, from what is wanted and what was seen: pure functions of frozen values."""
