"""A real single-node Kubernetes from Go modules and Debian packages."""
