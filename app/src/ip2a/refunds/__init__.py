"""Refunds: money given back, asked for by one person and approved by another; payments themselves never change."""
