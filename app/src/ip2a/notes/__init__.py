"""Notes of the office about members, each for whom it is meant."""
