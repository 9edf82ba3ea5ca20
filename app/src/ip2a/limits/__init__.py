"""How much one client may ask, and how much this process takes on at once."""
