"""Passwords, tokens and permissions: pure decisions, no I/O."""
