"""One reconciliation from observation to published status. Knows ports, no library that does I/O."""
