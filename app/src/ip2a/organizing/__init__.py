"""Organizing: what was done at which employer."""
