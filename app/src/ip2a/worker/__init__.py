"""Work that no request waits for: a queue in PostgreSQL and the process that empties it."""
