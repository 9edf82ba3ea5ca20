"""Payments: money received against dues, each with a receipt, each recorded once."""
