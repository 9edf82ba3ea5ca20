"""Employers' requests for workers."""
