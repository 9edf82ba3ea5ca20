"""Builders: one object each from a Stack, or none when it is not wanted. No builder knows the cluster's
state."""
