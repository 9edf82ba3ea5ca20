"""I/O, one library or API a module. Nothing here decides anything about a resource."""
