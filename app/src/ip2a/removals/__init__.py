"""Deleting records such that they can be restored."""
