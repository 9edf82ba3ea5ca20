"""Employments: where members worked, from when to when."""
