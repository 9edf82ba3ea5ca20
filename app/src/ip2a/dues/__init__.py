"""Dues: what a member owes for which month."""
