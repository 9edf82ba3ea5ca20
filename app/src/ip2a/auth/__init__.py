"""Accounts: who may log in, as what, and the sessions they hold."""
