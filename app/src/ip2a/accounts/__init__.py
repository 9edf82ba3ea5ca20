"""What people do with their own account: choose a password, get back in without one, verify their address."""
