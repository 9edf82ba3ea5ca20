"""Grants for the training and what is spent of them."""
