"""Out-of-work books and the registrations on them."""
