"""Sending members to jobs: from the queue, from bids, by name."""
