"""Members' bids for open requests, placed over night."""
